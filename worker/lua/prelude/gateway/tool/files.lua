-- Files and folders, for the programs of `apisix lua`.
local host = require("gateway.host")
local io, table, ipairs = io, table, ipairs

local M = {}

function M.read(path)
    local file, err = io.open(path, "rb")
    if not file then
        return nil, err
    end
    local text = file:read("*a")
    file:close()
    if not text then
        return nil, path .. ": cannot be read"
    end
    return text
end

function M.write(path, text)
    local folder = path:match("^(.*)/[^/]*$")
    if folder and folder ~= "" then
        local made, fault = host.make_folder(folder)
        if not made then
            return nil, fault
        end
    end
    local file, err = io.open(path, "wb")
    if not file then
        return nil, err
    end
    local ok
    ok, err = file:write(text)
    file:close()
    return ok, err
end

local function collect(folder, wanted, out)
    local entries = host.list_folder(folder) or {}
    table.sort(entries, function(a, b) return a.name < b.name end)
    for _, entry in ipairs(entries) do
        local path = folder .. "/" .. entry.name
        if entry.is_folder then
            if entry.name:sub(1, 1) ~= "." then
                collect(path, wanted, out)
            end
        elseif wanted(entry.name) then
            out[#out + 1] = path
        end
    end
end

-- The files that `paths` name, and those below its folders whose names are `wanted`; and what is not there.
function M.find(paths, wanted)
    local out, missing = {}, {}
    for _, path in ipairs(paths) do
        path = #path > 1 and (path:gsub("/+$", "")) or path
        if host.list_folder(path) then
            collect(path, wanted, out)
        else
            local file = io.open(path, "rb")
            if file then
                file:close()
                out[#out + 1] = path
            else
                missing[#missing + 1] = path
            end
        end
    end
    for i, path in ipairs(out) do
        out[i] = (path:gsub("^%./", ""))
    end
    return out, missing
end

return M

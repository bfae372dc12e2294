-- lfs: LuaFileSystem over the gateway's own calls.
local files = require("gateway.files")

local M = { _VERSION = "LuaFileSystem 1.8.0" }

local function attributes(name, want, follows)
    local status, err, code = files.stat(name, follows)
    if not status then
        return nil, "cannot obtain information from file '" .. name .. "': " .. err, code
    end
    if type(want) == "string" then
        if status[want] == nil then
            error("invalid attribute name '" .. want .. "'", 3)
        end
        return status[want]
    elseif type(want) == "table" then
        for key, value in pairs(status) do
            want[key] = value
        end
        return want
    end
    return status
end

function M.attributes(name, want) return attributes(name, want, true) end
function M.symlinkattributes(name, want) return attributes(name, want, false) end
function M.mkdir(name) return files.make_folder(name) end
function M.rmdir(name) return files.remove_folder(name) end
function M.currentdir() return files.current_folder() end
function M.link(from, to, is_symbolic) return files.link(from, to, is_symbolic) end

function M.chdir(name)
    local ok, err = files.change_folder(name)
    if not ok then
        return nil, "Unable to change working directory to '" .. name .. "'\n" .. err .. "\n"
    end
    return true
end

function M.touch(name, accessed, modified)
    return files.touch(name, accessed, modified)
end

-- for name in lfs.dir(folder) do
function M.dir(name)
    local names, err = files.list(name)
    if not names then
        error("cannot open " .. name .. ": " .. err, 2)
    end
    table.insert(names, 1, "..")
    table.insert(names, 1, ".")
    local i = 0
    local folder = {}
    function folder.next()
        i = i + 1
        return names[i]
    end
    function folder.close()
        names = {}
    end
    return folder.next, folder
end

function M.setmode()
    return true, "binary"
end

return M

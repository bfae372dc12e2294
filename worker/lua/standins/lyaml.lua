-- lyaml: YAML as the gateway itself reads and writes it. lyaml.null is ngx.null here.
local yaml = require("gateway.yaml")

local M = { _VERSION = "6.2.8", null = ngx.null }

-- The documents of a stream: "---" begins one, "..." ends it.
local function split(text)
    local documents, lines, has_text = {}, {}, false
    local function add()
        documents[#documents + 1] = table.concat(lines, "\n")
        lines, has_text = {}, false
    end
    for line in (text .. "\n"):gmatch("(.-)\r?\n") do
        if line:find("^%-%-%-%f[%s%z]") or line == "---" then
            if has_text or #documents == 0 and #lines > 0 and table.concat(lines):find("%S") then
                add()
            else
                lines = {}
            end
            lines[1], has_text = line:sub(4), true
        elseif line == "..." then
            add()
        else
            lines[#lines + 1] = line
            has_text = has_text or line:find("^%s*[^%s#%%]") ~= nil
        end
    end
    if has_text then
        add()
    end
    return documents
end

-- The first document; all of them in a list where `options.all` is set.
function M.load(text, options)
    if type(text) ~= "string" then
        error("bad argument #1 to 'load' (string expected, got " .. type(text) .. ")", 2)
    end
    local wants_all = type(options) == "table" and options.all or options == true
    local out = {}
    for i, document in ipairs(split(text)) do
        local value, err = yaml.parse(document)
        if value == nil then
            error(err, 2)
        end
        out[i] = value
        if not wants_all then
            return value
        end
    end
    if wants_all then
        return out
    end
    return nil
end

-- A list of documents.
function M.dump(documents)
    if type(documents) ~= "table" then
        error("bad argument #1 to 'dump' (table expected, got " .. type(documents) .. ")", 2)
    end
    local out = {}
    for _, document in ipairs(documents) do
        local text, err = yaml.write(document)
        if not text then
            error(err, 2)
        end
        local newline = type(document) == "table" and next(document) ~= nil and "\n" or " "
        out[#out + 1] = "---" .. newline .. text .. (text:sub(-1) == "\n" and "" or "\n") .. "...\n"
    end
    return table.concat(out)
end

return M

-- core.env: "$env://NAME/member" references.
local json = require("apisix.core.json")

local M = { PREFIX = "$ENV://" }

function M.init() end

function M.get(name)
    return os.getenv(name)
end

function M.fetch_by_uri(uri)
    if type(uri) ~= "string" or uri:sub(1, #M.PREFIX):upper() ~= M.PREFIX then
        return nil, "error format"
    end
    local path = uri:sub(#M.PREFIX + 1)
    local name, member = path:match("^([^/]+)/?(.*)$")
    local value = name and os.getenv(name)
    if not value or member == "" then
        return value
    end
    local decoded, err = json.decode(value)
    if not decoded then
        return nil, "decode failed, err: " .. tostring(err)
    end
    return decoded[member]
end

return M

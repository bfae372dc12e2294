-- resty.http_headers: a table of header fields, found in any case and with '_' for '-', kept as they were written.
local M = { _VERSION = "0.17.2" }

function M.new()
    local names = {}
    local mt = {
        normalised = names,
        __index = function(t, key)
            if type(key) ~= "string" then
                return nil
            end
            local name = names[key:lower():gsub("_", "-")]
            return name and rawget(t, name)
        end,
        __newindex = function(t, key, value)
            local folded = type(key) == "string" and key:lower():gsub("_", "-") or key
            local name = names[folded]
            if not name then
                name = key
                names[folded] = key
            end
            rawset(t, name, value)
        end,
    }
    return setmetatable({}, mt)
end

return M

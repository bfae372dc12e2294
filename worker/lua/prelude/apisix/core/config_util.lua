-- core.config_util: small things about configuration objects.
local re_split = require("ngx.re").split
local type, tostring, tonumber = type, tostring, tonumber

local M = {}

-- The tables of a list that may hold `false` where an object was deleted.
function M.iterate_values(list)
    return function(values, at)
        repeat
            at = at + 1
            local value = values[at]
            if type(value) == "table" then
                return at, value
            end
        until value == nil
        return nil
    end, list, 0
end

local YEAR = 60 * 60 * 24 * 365
local SECONDS = {
    y = YEAR, M = 60 * 60 * 24 * 30, w = 60 * 60 * 24 * 7, d = 60 * 60 * 24, h = 60 * 60, m = 60, s = 1,
}

-- "1h 30m", "10ms", "5": seconds. Units descend, each once; a number alone at the end counts seconds.
function M.parse_time_unit(text)
    if type(text) == "number" then
        return text
    end
    if type(text) ~= "string" or text == "" then
        return nil, "invalid data: " .. tostring(text)
    end
    local total, number, step, at = 0, 0, YEAR, 1
    while at <= #text do
        local char = text:sub(at, at)
        if text:sub(at, at + 1) == "ms" then
            return (total * 1000 + number) / 1000
        end
        local scale = SECONDS[char]
        if scale then
            if scale > step then
                return nil, "unexpected unit: " .. char
            end
            step, total, number = scale, total + scale * number, 0
        elseif char:find("%d") then
            number = number * 10 + tonumber(char)
        elseif char ~= " " then
            return nil, "invalid data: " .. char
        end
        at = at + 1
    end
    if number > 0 and step == 1 then
        return nil, "specific unit conflicts with the default unit second"
    end
    return total + number
end

-- "/routes/1#plugins.x" -> "/routes/1", "plugins.x"
function M.parse_path(path)
    local parts = re_split(path, "#")
    return parts[1] or path, parts[2] or ""
end

return M

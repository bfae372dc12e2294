-- core.json: cjson's safe instance with APISIX's settings.
local cjson = require("cjson.safe").new()
local dkeys = require("table.isarray")
local type, pairs, tostring, setmetatable, sort, concat = type, pairs, tostring, setmetatable, table.sort, table.concat

cjson.decode_array_with_array_mt(true)
cjson.encode_escape_forward_slash(false)

local M = {
    version = 0.1, array_mt = cjson.array_mt, null = cjson.null, empty_array = cjson.empty_array, decode = cjson.decode,
}

-- A copy without what JSON cannot hold: functions and userdata as text, a table inside itself as "{...}".
local function plain(value, seen)
    local kind = type(value)
    if kind == "cdata" or kind == "userdata" and value ~= cjson.null and value ~= cjson.empty_array or kind == "function"
            or kind == "thread" then
        return tostring(value)
    end
    if kind ~= "table" then
        return value
    end
    if seen[value] then
        return tostring(value)
    end
    seen[value] = true
    local out = setmetatable({}, getmetatable(value) == cjson.array_mt and cjson.array_mt or nil)
    for key, member in pairs(value) do
        out[type(key) == "string" and key or type(key) == "number" and key or tostring(key)] = plain(member, seen)
    end
    seen[value] = nil
    return out
end

function M.encode(data, force)
    if force then
        data = plain(data, {})
    end
    return cjson.encode(data)
end

-- Keys in order, so that equal tables give equal texts.
local function stable(value)
    if type(value) ~= "table" then
        return (cjson.encode(value))
    end
    local parts = {}
    if getmetatable(value) == cjson.array_mt or (#value > 0 and dkeys(value)) then
        for i = 1, #value do
            parts[i] = stable(value[i])
        end
        return "[" .. concat(parts, ",") .. "]"
    end
    local keys = {}
    for key in pairs(value) do
        keys[#keys + 1] = key
    end
    sort(keys, function(a, b) return tostring(a) < tostring(b) end)
    for i, key in ipairs(keys) do
        parts[i] = cjson.encode(tostring(key)) .. ":" .. stable(value[key])
    end
    return "{" .. concat(parts, ",") .. "}"
end

function M.stably_encode(data)
    return stable(data)
end

-- Encoded only when it is written: core.log.info(core.json.delay_encode(conf)).
local delayed = setmetatable({}, {
    __tostring = function(self)
        local text, err = M.encode(self.data, self.force)
        if not text then
            return "failed to encode: " .. tostring(err)
        end
        return text
    end,
})

function M.delay_encode(data, force)
    delayed.data = data
    delayed.force = force
    return delayed
end

return M

-- core.json: cjson's safe instance with APISIX's settings.
local cjson = require("cjson.safe").new()
local isarray = require("table.isarray")
local type, pairs, tostring, setmetatable, sort, concat = type, pairs, tostring, setmetatable, table.sort, table.concat

local M = {
    version = 0.1, array_mt = cjson.array_mt, null = cjson.null, empty_array = cjson.empty_array,
}

-- Nulls are left out.
function M.strip_nulls(value)
    for key, member in pairs(value) do
        if member == cjson.null then
            value[key] = nil
        elseif type(member) == "table" then
            M.strip_nulls(member)
        end
    end
    return value
end

-- opts.null_as_nil: members that are null are left out, and null itself is nil.
function M.decode(text, opts)
    local value, err = cjson.decode(text)
    if value and opts and opts.null_as_nil then
        if value == cjson.null then
            return nil, err
        end
        if type(value) == "table" then
            M.strip_nulls(value)
        end
    end
    return value, err
end

local function as_text(value)
    local kind = type(value)
    if kind == "function" or kind == "userdata" or kind == "cdata" or kind == "table" or kind == "thread" then
        return tostring(value)
    end
    return value
end

-- A copy of what JSON can hold: anything else as text, also a table that has been met before.
local function plain(value, met)
    if type(value) ~= "table" then
        return as_text(value)
    end
    local out = {}
    for key, member in pairs(value) do
        if type(member) == "table" then
            if met[member] then
                member = tostring(member)
            else
                met[member] = true
                member = plain(member, met)
            end
        else
            member = as_text(member)
        end
        out[as_text(key)] = member
    end
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
        return cjson.encode(value) or '"' .. type(value) .. '"'
    end
    local parts = {}
    if getmetatable(value) == cjson.array_mt or (#value > 0 and isarray(value)) then
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
M.canonical_encode = M.stably_encode

-- Encoded only when it is written: core.log.info(core.json.delay_encode(conf)). So many may stand in one line.
local DELAYED_MAX = 16
local delayed, next_delayed = {}, 0
for i = 1, DELAYED_MAX do
    delayed[i] = setmetatable({}, {
        __tostring = function(self)
            local text, err = M.encode(self.data, self.force)
            if not text then
                ngx.log(ngx.WARN, "failed to encode: ", err, " force: ", self.force)
            end
            return text or "nil"
        end,
    })
end

function M.delay_encode(data, force)
    next_delayed = next_delayed % DELAYED_MAX + 1
    local one = delayed[next_delayed]
    one.data = data
    one.force = force
    return one
end

return M

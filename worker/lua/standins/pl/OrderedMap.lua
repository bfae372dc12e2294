-- pl.OrderedMap: a map that keeps the order in which keys came.
local Map = require("pl.Map")
local List = require("pl.List")

local OrderedMap = require("pl.class")(Map)
OrderedMap._name = "OrderedMap"

function OrderedMap:_init(values)
    rawset(self, "_keys", List.new())
    if values then
        local ok, err = self:update(values)
        if not ok then
            error(err, 2)
        end
    end
end

-- A map, or a list of maps with one key each.
function OrderedMap:update(values)
    if type(values) ~= "table" then
        return nil, "type is not table"
    end
    if #values > 0 then
        for _, one in ipairs(values) do
            if type(one) ~= "table" then
                return nil, "not a list of tables"
            end
            self:set(next(one))
        end
    elseif getmetatable(values) == OrderedMap then
        for key, value in values:iter() do
            self:set(key, value)
        end
    else
        for key, value in pairs(values) do
            self:set(key, value)
        end
    end
    return self
end

function OrderedMap:set(key, value)
    local keys = rawget(self, "_keys")
    local is_there = rawget(self, key) ~= nil
    if is_there and value == nil then
        keys:remove_value(key)
    elseif not is_there and value ~= nil then
        keys:append(key)
    end
    rawset(self, key, value)
    return self
end
OrderedMap.__newindex = OrderedMap.set

function OrderedMap:insert(at, key, value)
    if value == nil then
        value, key, at = key, at, nil
    end
    local keys = rawget(self, "_keys")
    if rawget(self, key) ~= nil then
        keys:remove_value(key)
    end
    if at then
        keys:insert(at, key)
    else
        keys:append(key)
    end
    rawset(self, key, value)
    return self
end

function OrderedMap:keys() return rawget(self, "_keys") end
function OrderedMap:values() return self:getvalues(rawget(self, "_keys")) end

function OrderedMap:sort(less)
    local keys = rawget(self, "_keys")
    keys:sort(less)
    return self
end

function OrderedMap:iter()
    local keys, i = rawget(self, "_keys"), 0
    return function()
        i = i + 1
        local key = keys[i]
        if key == nil then
            return nil
        end
        return key, rawget(self, key)
    end
end
OrderedMap.__pairs = OrderedMap.iter

function OrderedMap:len()
    return #rawget(self, "_keys")
end

function OrderedMap:__tostring()
    local out = {}
    for key, value in self:iter() do
        local text = type(value) == "string" and '"' .. value .. '"' or tostring(value)
        out[#out + 1] = tostring(key) .. "=" .. text
    end
    return "{" .. table.concat(out, ",") .. "}"
end

return OrderedMap

-- pl.MultiMap: a map of lists.
local Map = require("pl.Map")

local MultiMap = require("pl.class")(Map)
MultiMap._name = "MultiMap"

function MultiMap:set(key, value)
    local list = rawget(self, key)
    if not list then
        list = require("pl.List").new()
        rawset(self, key, list)
    end
    list:append(value)
end

function MultiMap:update(other)
    for key, values in pairs(other) do
        for _, value in ipairs(values) do
            self:set(key, value)
        end
    end
    return self
end

return MultiMap

-- pl.Map: a table with methods.
local tablex = require("pl.tablex")
local utils = require("pl.utils")
local class = require("pl.class")

local Map = class()
Map._name = "Map"
utils.stdmt.Map = Map

function Map:_init(values)
    if values then
        for key, value in pairs(values) do
            rawset(self, key, value)
        end
    end
end

function Map:keys() return require("pl.List").new(tablex.keys(self)) end
function Map:values() return require("pl.List").new(tablex.values(self)) end
function Map:items() return require("pl.List").new(tablex.pairmap(function(k, v) return require("pl.List").new({ k, v }) end, self)) end
function Map:iter() return pairs(self) end
function Map:set(key, value) self[key] = value end
function Map:get(key) return rawget(self, key) end
function Map:len() return tablex.size(self) end
function Map:update(other) return tablex.update(self, other) end

function Map:setdefault(key, default)
    local value = rawget(self, key)
    if value == nil then
        value = default
        self[key] = value
    end
    return value
end

function Map:getvalues(keys)
    local out = require("pl.List").new()
    for _, key in ipairs(keys) do
        out:append(rawget(self, key))
    end
    return out
end

function Map.__eq(a, b)
    return tablex.deepcompare(a, b, true)
end

function Map:__tostring()
    return require("pl.pretty").write(self, "")
end

return Map

-- pl.Set: a set of values: the keys of a table.
local tablex = require("pl.tablex")

local Set = require("pl.class")()
Set._name = "Set"

local function is_set(value)
    return type(value) == "table" and getmetatable(value) == Set
end

-- Of a list, of another set, or of one value.
function Set:_init(values)
    if is_set(values) then
        for value in pairs(values) do
            rawset(self, value, true)
        end
    elseif type(values) == "table" then
        for _, value in ipairs(values) do
            rawset(self, value, true)
        end
    elseif values ~= nil then
        rawset(self, values, true)
    end
end

local function set_of(value)
    return is_set(value) and value or Set(value)
end

function Set.values(self) return require("pl.List").new(tablex.keys(self)) end
function Set.len(self) return tablex.size(self) end
function Set.isempty(self) return next(self) == nil end

function Set.map(self, f, ...)
    f = require("pl.utils").function_arg(1, f)
    local out = Set()
    for value in pairs(self) do
        rawset(out, f(value, ...), true)
    end
    return out
end

function Set.union(a, b)
    local out = Set(a)
    for value in pairs(set_of(b)) do
        rawset(out, value, true)
    end
    return out
end

function Set.intersection(a, b)
    local out = Set()
    b = set_of(b)
    for value in pairs(a) do
        if rawget(b, value) then
            rawset(out, value, true)
        end
    end
    return out
end

function Set.difference(a, b)
    local out = Set()
    b = set_of(b)
    for value in pairs(a) do
        if not rawget(b, value) then
            rawset(out, value, true)
        end
    end
    return out
end

function Set.symmetric_difference(a, b)
    return Set.union(Set.difference(a, b), Set.difference(set_of(b), a))
end

function Set.issubset(a, b)
    for value in pairs(a) do
        if not rawget(b, value) then
            return false
        end
    end
    return true
end

function Set.isdisjoint(a, b)
    return Set.isempty(Set.intersection(a, b))
end

function Set.__add(a, b)
    if is_set(b) then
        return Set.union(a, b)
    end
    local out = Set(a)
    rawset(out, b, true)
    return out
end

function Set.__sub(a, b)
    if is_set(b) then
        return Set.difference(a, b)
    end
    local out = Set(a)
    rawset(out, b, nil)
    return out
end

Set.__mul = Set.intersection
Set.__pow = Set.symmetric_difference
Set.__lt = Set.issubset
Set.__len = Set.len
function Set.__concat(a, b) return Set.union(a, b) end
function Set.__eq(a, b) return Set.issubset(a, b) and Set.issubset(b, a) end

function Set.__tostring(self)
    local out = {}
    for value in pairs(self) do
        out[#out + 1] = tostring(value)
    end
    table.sort(out)
    return "[" .. table.concat(out, ",") .. "]"
end

return Set

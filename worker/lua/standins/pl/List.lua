-- pl.List: Python's lists.
local utils = require("pl.utils")
local tablex = require("pl.tablex")
local types = require("pl.types")
local concat, insert, remove = table.concat, table.insert, table.remove
local function_arg = utils.function_arg

local List = utils.stdmt.List
List.__index = List
List._class = List

local function make(values)
    return setmetatable(values, List)
end

-- Of a list, of what an iterator gives, or of one value.
function List.new(values)
    local out = {}
    if type(values) == "table" then
        for i = 1, #values do
            out[i] = values[i]
        end
    elseif type(values) == "function" then
        for value in values do
            out[#out + 1] = value
        end
    elseif values ~= nil then
        out[1] = values
    end
    return make(out)
end

function List.range(first, last, step)
    if not last then
        first, last = 1, first
    end
    local out = {}
    for i = first, last, step or 1 do
        out[#out + 1] = i
    end
    return make(out)
end

function List.split(text, separator)
    return make(utils.split(text, separator))
end

function List.iterate(values)
    return require("pl.seq").iter(values)
end

function List:clone()
    return List.new(self)
end

function List:append(value)
    self[#self + 1] = value
    return self
end
List.push = List.append

function List:extend(values)
    for i = 1, #values do
        self[#self + 1] = values[i]
    end
    return self
end

function List:insert(at, value)
    insert(self, at, value)
    return self
end

function List:put(value)
    return self:insert(1, value)
end

function List:remove(at)
    remove(self, at)
    return self
end

function List:remove_value(value)
    for i = 1, #self do
        if self[i] == value then
            remove(self, i)
            return self
        end
    end
    return self
end

function List:pop(at)
    return remove(self, at or #self)
end
List.get = List.pop

function List:index(value, from)
    return tablex.find(self, value, from)
end

function List:contains(value)
    return self:index(value) ~= nil
end

function List:count(value)
    local count = 0
    for i = 1, #self do
        if self[i] == value then
            count = count + 1
        end
    end
    return count
end

function List:sort(less)
    if less then
        less = function_arg(1, less)
    end
    table.sort(self, less)
    return self
end

function List:sorted(less)
    return self:clone():sort(less)
end

function List:reverse()
    local first, last = 1, #self
    while first < last do
        self[first], self[last] = self[last], self[first]
        first, last = first + 1, last - 1
    end
    return self
end

function List:minmax()
    local low, high = self[1], self[1]
    for i = 2, #self do
        low = self[i] < low and self[i] or low
        high = self[i] > high and self[i] or high
    end
    return low, high
end

function List:slice(first, last)
    return make(tablex.sub(self, first, last))
end

function List:clear()
    for i = #self, 1, -1 do
        remove(self, i)
    end
    return self
end

function List:len()
    return #self
end

function List:chop(first, last)
    return tablex.removevalues(self, first, last)
end

function List:splice(at, values)
    tablex.insertvalues(self, at, values)
    return self
end

function List:slice_assign(first, last, values)
    local from, to = first < 0 and #self + first + 1 or first, last < 0 and #self + last + 1 or last
    for _ = from, to do
        remove(self, from)
    end
    tablex.insertvalues(self, from, values)
    return self
end

function List:join(separator)
    return concat(utils.array_tostring(self), separator or "")
end
List.concat = concat

function List:foreach(f, ...)
    f = function_arg(1, f)
    for i = 1, #self do
        f(self[i], ...)
    end
end

function List:foreachm(name, ...)
    for i = 1, #self do
        self[i][name](self[i], ...)
    end
end

function List:filter(f, argument)
    return make(tablex.filter(self, f, argument))
end

function List:map(f, ...)
    return make(tablex.imap(f, self, ...))
end

function List:transform(f, ...)
    tablex.transform(f, self, ...)
    return self
end

function List:map2(f, other, ...)
    return make(tablex.imap2(f, self, other, ...))
end

function List:mapm(name, ...)
    return make(tablex.map_named_method(name, self, ...))
end

function List:reduce(f, start)
    return tablex.reduce(f, self, start)
end

-- A table of lists, by what the function gives for each value.
function List:partition(classify, ...)
    classify = function_arg(1, classify)
    local out = {}
    for i = 1, #self do
        local key = classify(self[i], ...)
        if key == nil then
            key = "<nil>"
        end
        out[key] = out[key] or make({})
        out[key]:append(self[i])
    end
    return setmetatable(out, require("pl.MultiMap"))
end

function List:iter()
    local i = 0
    return function()
        i = i + 1
        return self[i]
    end
end

function List.__concat(a, b)
    return List.new(a):extend(b)
end

function List.__eq(a, b)
    if #a ~= #b then
        return false
    end
    for i = 1, #a do
        if a[i] ~= b[i] then
            return false
        end
    end
    return true
end

function List:__tostring()
    return "{" .. self:join(",") .. "}"
end

List.is_a = function(self, class) return getmetatable(self) == class end
List.class_of = function(_, object) return types.is_type(object, List) end
List.cast = function(_, object) return make(object) end

return setmetatable(List, {
    __call = function(_, values) return List.new(values) end,
    __tostring = function() return "class List" end,
})

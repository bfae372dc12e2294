-- pl.seq: what iterators need most.
local M = {}

-- An iterator over a list; iterators stay what they are.
function M.list(values)
    local i = 0
    return function()
        i = i + 1
        return values[i]
    end
end

function M.iter(values)
    if type(values) == "table" and not (getmetatable(values) or {}).__call then
        return M.list(values)
    end
    return values
end

function M.keys(values)
    local key
    return function()
        key = next(values, key)
        return key
    end
end

-- All values in a list.
function M.copy(iterator)
    local out = setmetatable({}, require("pl.List"))
    for value in M.iter(iterator) do
        out[#out + 1] = value
    end
    return out
end

function M.map(f, iterator, argument)
    f = require("pl.utils").function_arg(1, f)
    iterator = M.iter(iterator)
    return function()
        local value = iterator()
        if value == nil then
            return nil
        end
        return f(value, argument)
    end
end

function M.filter(iterator, test, argument)
    test = require("pl.utils").function_arg(2, test)
    iterator = M.iter(iterator)
    return function()
        for value in iterator do
            if test(value, argument) then
                return value
            end
        end
        return nil
    end
end

function M.reduce(f, iterator, start)
    f = require("pl.utils").function_arg(1, f)
    iterator = M.iter(iterator)
    local out = start
    if out == nil then
        out = iterator()
    end
    for value in iterator do
        out = f(out, value)
    end
    return out
end

function M.sum(iterator, f)
    local total, count = 0, 0
    for value in M.iter(iterator) do
        total, count = total + (f and f(value) or value), count + 1
    end
    return total, count
end

function M.range(first, last)
    if not last then
        first, last = 1, first
    end
    return function()
        if first > last then
            return nil
        end
        first = first + 1
        return first - 1
    end
end

function M.foreach(iterator, f)
    for value in M.iter(iterator) do
        f(value)
    end
end

return M

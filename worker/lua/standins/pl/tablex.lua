-- pl.tablex: functions on tables.
local utils = require("pl.utils")
local types = require("pl.types")
local function_arg, assert_arg = utils.function_arg, utils.assert_arg
local insert, remove, sort = table.insert, table.remove, table.sort
local type, pairs, ipairs, getmetatable, setmetatable, next = type, pairs, ipairs, getmetatable, setmetatable, next
local abs, min, max = math.abs, math.min, math.max

local M = {}

local function check_table(n, value)
    if not types.is_iterable(value) then
        error(("argument %d is not iterable"):format(n), 3)
    end
end

local function check_list(n, value)
    if not types.is_indexable(value) then
        error(("argument %d is not indexable"):format(n), 3)
    end
end

-- The results of functions on lists are lists where the argument was one.
local function like(out, model)
    local mt = getmetatable(model)
    return mt and setmetatable(out, mt) or setmetatable(out, require("pl.List"))
end

function M.size(t)
    check_table(1, t)
    local count = 0
    for _ in pairs(t) do
        count = count + 1
    end
    return count
end

M.copy = function(t)
    check_table(1, t)
    local out = {}
    for key, value in pairs(t) do
        out[key] = value
    end
    return out
end

local function deep_copy(value, known)
    if type(value) ~= "table" then
        return value
    end
    if known[value] then
        return known[value]
    end
    local out = {}
    known[value] = out
    for key, one in pairs(value) do
        out[deep_copy(key, known)] = deep_copy(one, known)
    end
    return setmetatable(out, getmetatable(value))
end

function M.deepcopy(t)
    return deep_copy(t, {})
end

local function deep_compare(a, b, ignore_mt, eps)
    if type(a) ~= type(b) then
        return false
    end
    if type(a) ~= "table" then
        if type(a) == "number" and eps then
            return abs(a - b) < eps
        end
        return a == b
    end
    local mt = getmetatable(a)
    if not ignore_mt and mt and mt.__eq then
        return a == b
    end
    for key in pairs(a) do
        if b[key] == nil then
            return false
        end
    end
    for key, value in pairs(b) do
        if a[key] == nil or not deep_compare(a[key], value, ignore_mt, eps) then
            return false
        end
    end
    return true
end
M.deepcompare = deep_compare

-- The same values at the same places.
function M.compare(a, b, equal)
    if #a ~= #b then
        return false
    end
    equal = equal and function_arg(3, equal)
    for i = 1, #a do
        if equal and not equal(a[i], b[i]) or not equal and a[i] ~= b[i] then
            return false
        end
    end
    return true
end

-- The same values in any order.
function M.compare_no_order(a, b, equal)
    if #a ~= #b then
        return false
    end
    equal = equal and function_arg(3, equal) or function(x, y) return x == y end
    local taken = {}
    for i = 1, #a do
        local found
        for j = 1, #b do
            if not taken[j] and equal(a[i], b[j]) then
                found = j
                break
            end
        end
        if not found then
            return false
        end
        taken[found] = true
    end
    return true
end

-- --- finding

function M.find(t, value, from)
    check_list(1, t)
    from = from or 1
    for i = from < 0 and #t + from + 1 or from, #t do
        if t[i] == value then
            return i
        end
    end
    return nil
end

function M.rfind(t, value, from)
    check_list(1, t)
    from = from or #t
    for i = from < 0 and #t + from + 1 or from, 1, -1 do
        if t[i] == value then
            return i
        end
    end
    return nil
end

-- The first place where test(value, argument) is true, and what it gave.
function M.find_if(t, test, argument)
    check_table(1, t)
    test = function_arg(2, test)
    for i = 1, #t do
        local found = test(t[i], argument)
        if found then
            return i, found
        end
    end
    return nil
end

-- The path to a value: "a.b".
function M.search(t, what, exclude)
    local function walk(node, path, above)
        for key, value in pairs(node) do
            local name = path == "" and tostring(key) or path .. "." .. tostring(key)
            if value == what then
                return name
            end
            if type(value) == "table" and not above[value] and not M.find(exclude or {}, value) then
                above[value] = true
                local found = walk(value, name, above)
                if found then
                    return found
                end
            end
        end
        return nil
    end
    return walk(t, "", { [t] = true })
end

function M.keys(t)
    check_table(1, t)
    local out = {}
    for key in pairs(t) do
        out[#out + 1] = key
    end
    return like(out)
end

function M.values(t)
    check_table(1, t)
    local out = {}
    for _, value in pairs(t) do
        out[#out + 1] = value
    end
    return like(out)
end

function M.index_by(t, keys)
    local out = {}
    for i, key in ipairs(keys) do
        out[i] = t[key]
    end
    return like(out, t)
end

-- --- mapping

function M.map(f, t, ...)
    check_table(1, t)
    f = function_arg(1, f)
    local out = {}
    for key, value in pairs(t) do
        out[key] = f(value, ...)
    end
    local mt = getmetatable(t)
    return mt and setmetatable(out, mt) or out
end

function M.imap(f, t, ...)
    check_list(1, t)
    f = function_arg(1, f)
    local out = {}
    for i = 1, #t do
        out[i] = f(t[i], ...) or false
    end
    return like(out, t)
end

-- map by a method's name
function M.map_named_method(name, t, ...)
    assert_arg(1, name, "string")
    local out = {}
    for i = 1, #t do
        out[i] = t[i][name](t[i], ...)
    end
    return like(out, t)
end

function M.transform(f, t, ...)
    check_table(1, t)
    f = function_arg(1, f)
    for key, value in pairs(t) do
        t[key] = f(value, ...)
    end
end

function M.map2(f, a, b, ...)
    f = function_arg(1, f)
    local out = {}
    for key, value in pairs(a) do
        if b[key] ~= nil then
            out[key] = f(value, b[key], ...)
        end
    end
    return like(out, a)
end

function M.imap2(f, a, b, ...)
    f = function_arg(1, f)
    local out = {}
    for i = 1, min(#a, #b) do
        out[i] = f(a[i], b[i], ...) or false
    end
    return out
end

function M.mapn(f, ...)
    f = function_arg(1, f)
    local lists, count = { ... }, nil
    for _, list in ipairs(lists) do
        count = min(count or #list, #list)
    end
    local out = {}
    for i = 1, count or 0 do
        local values = {}
        for j, list in ipairs(lists) do
            values[j] = list[i]
        end
        out[i] = f(table.unpack(values, 1, #lists))
    end
    return out
end

-- f(key, value) -> value, key
function M.pairmap(f, t, ...)
    check_table(1, t)
    f = function_arg(1, f)
    local out = {}
    for key, value in pairs(t) do
        local made, name = f(key, value, ...)
        if name ~= nil then
            if out[name] == nil then
                out[name] = made
            elseif type(out[name]) == "table" then
                insert(out[name], made)
            else
                out[name] = { out[name], made }
            end
        else
            out[#out + 1] = made
        end
    end
    return out
end

function M.foreach(t, f, ...)
    f = function_arg(1, f)
    for key, value in pairs(t) do
        f(value, key, ...)
    end
end

function M.foreachi(t, f, ...)
    f = function_arg(1, f)
    for i = 1, #t do
        f(t[i], i, ...)
    end
end

function M.reduce(f, t, start)
    check_list(1, t)
    f = function_arg(1, f)
    if start == nil and #t == 0 then
        return nil
    end
    local out, first = start, 1
    if start == nil then
        out, first = t[1], 2
    end
    for i = first, #t do
        out = f(out, t[i])
    end
    return out
end

function M.filter(t, test, argument)
    check_list(1, t)
    test = function_arg(2, test)
    local out = {}
    for i = 1, #t do
        if test(t[i], argument) then
            out[#out + 1] = t[i]
        end
    end
    return like(out, t)
end

function M.zip(...)
    return M.mapn(function(...) return { ... } end, ...)
end

-- --- making tables

function M.range(first, last, step)
    local out = {}
    for i = first, last, step or 1 do
        out[#out + 1] = i
    end
    return like(out)
end

function M.makeset(t)
    local out = {}
    for _, value in ipairs(t) do
        out[value] = true
    end
    return setmetatable(out, require("pl.Set"))
end

function M.index_map(t)
    check_list(1, t)
    local out = {}
    for i = 1, #t do
        out[t[i]] = i
    end
    return setmetatable(out, require("pl.Map"))
end

-- Keys and values of both; without `all` the keys that both have.
function M.merge(a, b, all)
    check_table(1, a)
    check_table(2, b)
    local out = {}
    for key, value in pairs(a) do
        if all or b[key] ~= nil then
            out[key] = value
        end
    end
    if all then
        for key, value in pairs(b) do
            out[key] = value
        end
    end
    return setmetatable(out, require("pl.Map"))
end

function M.union(a, b)
    return M.merge(a, b, true)
end

function M.intersection(a, b)
    return M.merge(a, b, false)
end

-- What `a` has and `b` has not; both ways where `symmetric` is set.
function M.difference(a, b, symmetric)
    local out = {}
    for key, value in pairs(a) do
        if b[key] == nil then
            out[key] = value
        end
    end
    if symmetric then
        for key, value in pairs(b) do
            if a[key] == nil then
                out[key] = value
            end
        end
    end
    return setmetatable(out, require("pl.Map"))
end

function M.count_map(t, equal)
    equal = equal or function(x, y) return x == y end
    local out, seen = {}, {}
    for i = 1, #t do
        if not seen[i] then
            local count = 1
            for j = i + 1, #t do
                if not seen[j] and equal(t[i], t[j]) then
                    seen[j], count = true, count + 1
                end
            end
            out[t[i]] = count
        end
    end
    return setmetatable(out, require("pl.Map"))
end

-- --- changing them

function M.update(t, other)
    check_table(1, t)
    check_table(2, other)
    for key, value in pairs(other) do
        t[key] = value
    end
    return t
end

local function place(t, at)
    return at < 0 and #t + at + 1 or at
end

function M.sub(t, first, last)
    check_list(1, t)
    first, last = place(t, first or 1), place(t, last or -1)
    local out = {}
    for i = max(first, 1), min(last, #t) do
        out[#out + 1] = t[i]
    end
    return like(out, t)
end

function M.set(t, value, first, last)
    check_list(1, t)
    for i = first or 1, last or #t do
        t[i] = types.is_callable(value) and value(i) or value
    end
end

function M.new(count, value)
    local out = {}
    M.set(out, value, 1, count)
    return out
end

function M.icopy(to, from, at, first, count)
    at, first = at or 1, first or 1
    for i = 0, (count or #from - first + 1) - 1 do
        to[at + i] = from[first + i]
    end
    for i = #to, at + (count or #from - first + 1), -1 do
        to[i] = nil
    end
    return to
end

function M.move(to, from, at, first, count)
    at, first = at or 1, first or 1
    for i = 0, (count or #from - first + 1) - 1 do
        to[at + i] = from[first + i]
    end
    return to
end
M._copy = M.move

function M.clear(t, from)
    for i = #t, from or 1, -1 do
        remove(t, i)
    end
end

function M.removevalues(t, first, last)
    check_list(1, t)
    first, last = place(t, first), place(t, last)
    for _ = first, last do
        remove(t, first)
    end
    return t
end

function M.insertvalues(t, at, values)
    check_list(1, t)
    if not values then
        at, values = #t + 1, at
    end
    for i = #values, 1, -1 do
        insert(t, at, values[i])
    end
    return t
end

-- --- walking

-- Pairs in the order of their keys, or of their values.
local function sorted(t, order)
    local keys = {}
    for key in pairs(t) do
        keys[#keys + 1] = key
    end
    sort(keys, order)
    local i = 0
    return function()
        i = i + 1
        return keys[i], t[keys[i]]
    end
end

function M.sort(t, less)
    less = less and function_arg(2, less)
    return sorted(t, less and function(a, b) return less(a, b) end or nil)
end

function M.sortv(t, less)
    less = less and function_arg(2, less) or function(a, b) return a < b end
    return sorted(t, function(a, b) return less(t[a], t[b]) end)
end

function M.readonly(t)
    return setmetatable({}, {
        __index = t, __len = function() return #t end, __pairs = function() return pairs(t) end,
        __newindex = function() error("Attempt to modify read-only table", 2) end, __metatable = false,
    })
end

function M.is_empty(t)
    return next(t) == nil
end

return M

-- core.table: Lua's table functions and what APISIX adds.
local table = table
local new_tab, nkeys, clear, clone, isarray, isempty = require("table.new"), require("table.nkeys"), require("table.clear"),
    require("table.clone"), require("table.isarray"), require("table.isempty")
local pairs, ipairs, type, select, tostring = pairs, ipairs, type, select, tostring
local newproxy, setmetatable, getmetatable = newproxy, setmetatable, getmetatable
local api_ctx = require("gateway.api_ctx")
local ngx_re_split

local M = {
    version = 0.2, new = new_tab, clear = clear, nkeys = nkeys, insert = table.insert, concat = table.concat, sort = table.sort,
    isarray = isarray, isempty = isempty, remove = table.remove,
}

M.empty_tab = {}

-- Of a ctx, much is made when it is first read: a copy has it all.
function M.clone(tab)
    local out = clone(tab)
    if getmetatable(tab) == api_ctx.metatable then
        api_ctx.fill(out, tab)
    end
    return out
end

function M.insert_tail(tab, ...)
    local last = #tab
    local count = select("#", ...)
    for i = 1, count do
        tab[last + i] = (select(i, ...))
    end
    return last + count
end

-- The values take the places 1, 2, 3 ...
function M.set(tab, ...)
    local count = select("#", ...)
    for i = 1, count do
        tab[i] = (select(i, ...))
    end
end

-- t["a"]["b"] by a list of keys; nil when something on the way is no table.
function M.try_read_attr(tab, ...)
    local value = tab
    for i = 1, select("#", ...) do
        if type(value) ~= "table" then
            return nil
        end
        value = value[(select(i, ...))]
    end
    return value
end

function M.array_find(array, wanted)
    if type(array) ~= "table" then
        return nil
    end
    for i, value in ipairs(array) do
        if value == wanted then
            return i
        end
    end
    return nil
end

function M.to_array(tab)
    local out = {}
    for key, value in pairs(tab) do
        out[#out + 1] = { key, value }
    end
    return out
end

-- Frees `mt.__gc` from Lua 5.1's rule that only userdata have one.
function M.setmt__gc(tab, mt)
    local proxy = newproxy(true)
    getmetatable(proxy).__gc = function() mt.__gc(tab) end
    tab[proxy] = true
    return setmetatable(tab, mt)
end

local function is_below(path, prefix)
    return path:sub(1, #prefix) == prefix and (#path == #prefix or path:byte(#prefix + 1) == 46)
end

-- opts.shallows: paths ("self.upstream.parent") of which only the reference is copied; opts.shallow_prefix: the same
-- for all that is below it.
local function copy(value, seen, opts, path)
    if seen[value] then
        return seen[value]
    end
    local out = {}
    seen[value] = out
    local is_shallow = opts and opts.shallow_prefix and is_below(path, opts.shallow_prefix)
    for key, member in pairs(value) do
        if type(member) == "table" and not is_shallow then
            local at = opts and path .. "." .. tostring(key)
            if not (opts and M.array_find(opts.shallows, at)) then
                member = copy(member, seen, opts, at)
            end
        end
        out[key] = member
    end
    local metatable = getmetatable(value)
    if metatable and metatable == api_ctx.metatable then
        api_ctx.fill(out, value)
    end
    return setmetatable(out, metatable)
end

function M.deepcopy(value, opts)
    if type(value) ~= "table" then
        return value
    end
    return copy(value, {}, opts, "self")
end

-- Tables of `origin` take in those of `extend`, key by key; lists and all else are replaced, null erases.
function M.merge(origin, extend)
    for key, value in pairs(extend) do
        local held = origin[key]
        if value == ngx.null then
            origin[key] = nil
        elseif type(value) == "table" and type(held) == "table" and not isarray(value) and not isarray(held) then
            M.merge(held, value)
        else
            origin[key] = value
        end
    end
    return origin
end

-- patch(node, "a/b", conf) -> status, fault, node: what the path leads to is replaced; an empty path means all of it.
function M.patch(node, path, conf)
    ngx_re_split = ngx_re_split or require("ngx.re").split
    local keys = ngx_re_split(path, "/")
    local at = node
    for i = 1, #keys - 1 do
        local key = keys[i]
        if at[key] == nil then
            at[key] = {}
        end
        at = at[key]
        if type(at) ~= "table" then
            return 400, "invalid sub-path: /" .. table.concat(keys, "/", 1, i)
        end
    end
    if type(at) ~= "table" then
        return 400, "invalid sub-path: /" .. path
    end
    local last = keys[#keys]
    if not last or last == "" then
        return nil, nil, conf
    end
    at[last] = conf
    return nil, nil, node
end

-- The members that are named, of a table, into a new one.
function M.pick(tab, keys)
    local out = {}
    for key, value in pairs(tab) do
        if keys[key] ~= nil then
            out[key] = value
        end
    end
    return out
end

-- The same elements, whatever their order.
function M.set_eq(a, b)
    if nkeys(a) ~= nkeys(b) then
        return false
    end
    for key in pairs(a) do
        if b[key] == nil then
            return false
        end
    end
    return true
end

function M.deep_eq(a, b)
    if type(a) ~= "table" or type(b) ~= "table" then
        return a == b
    end
    if nkeys(a) ~= nkeys(b) then
        return false
    end
    for key, value in pairs(a) do
        if not M.deep_eq(value, b[key]) then
            return false
        end
    end
    return true
end

-- "a.b[1].c" of a table.
local function steps_of(path)
    local steps = {}
    for name in path:gmatch("[^.%[%]]+") do
        steps[#steps + 1] = tonumber(name) or name
    end
    return steps
end

function M.get(tab, path)
    for _, step in ipairs(steps_of(path)) do
        if type(tab) ~= "table" then
            return nil
        end
        tab = tab[step]
    end
    return tab
end

function M.reverse(list)
    local out, count = {}, #list
    for i = 1, count do
        out[i] = list[count - i + 1]
    end
    return out
end

return setmetatable(M, { __index = table })

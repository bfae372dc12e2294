-- core.table: Lua's table functions and what APISIX adds.
local table = table
local new_tab, nkeys, clear, clone, isarray, isempty = require("table.new"), require("table.nkeys"), require("table.clear"),
    require("table.clone"), require("table.isarray"), require("table.isempty")
local pairs, ipairs, type, select, setmetatable, getmetatable, error, tostring, next = pairs, ipairs, type, select, setmetatable,
    getmetatable, error, tostring, next
local ngx_re_split

local M = {
    version = 0.2, new = new_tab, clear = clear, nkeys = nkeys, insert = table.insert, concat = table.concat, sort = table.sort,
    clone = clone, isarray = isarray, isempty = isempty, remove = table.remove,
}

M.empty_tab = {}

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

-- opts.shallows: paths ("self.upstream.parent") of which only the reference is copied.
local function copy(value, seen, shallows, path)
    if type(value) ~= "table" then
        return value
    end
    if seen[value] then
        return seen[value]
    end
    local out = {}
    seen[value] = out
    for key, member in pairs(value) do
        local at = shallows and (path .. "." .. tostring(key))
        if shallows and M.array_find(shallows, at) then
            out[key] = member
        else
            out[copy(key, seen)] = copy(member, seen, shallows, at)
        end
    end
    return setmetatable(out, getmetatable(value))
end

function M.deepcopy(value, opts)
    return copy(value, {}, opts and opts.shallows, "self")
end

-- Tables of `origin` take in those of `extend`, key by key; anything else is replaced.
function M.merge(origin, extend)
    for key, value in pairs(extend) do
        if type(value) == "table" and type(origin[key]) == "table" and not (isarray(value) and isarray(origin[key])
                and next(value) ~= nil) then
            M.merge(origin[key], value)
        elseif value == ngx.null then
            origin[key] = nil
        else
            origin[key] = value
        end
    end
    return origin
end

-- A JSON merge patch (RFC 7396).
local function merge_patch(tab, patch)
    for key, value in pairs(patch) do
        if value == ngx.null then
            tab[key] = nil
        elseif type(value) == "table" and not (isarray(value) and next(value) ~= nil) and type(tab[key]) == "table" then
            merge_patch(tab[key], value)
        else
            tab[key] = value
        end
    end
end

-- `path` is a list of keys as texts, or "a/b/c"; what it leads to is replaced by `conf`.
function M.patch(node, path, conf)
    if type(path) == "string" then
        ngx_re_split = ngx_re_split or require("ngx.re").split
        local keys = {}
        for _, key in ipairs(ngx_re_split(path, "/")) do
            if key ~= "" then
                keys[#keys + 1] = key
            end
        end
        path = keys
    end
    if #path == 0 then
        merge_patch(node, conf)
        return true
    end
    local at = node
    for i = 1, #path - 1 do
        local key = path[i]
        if isarray(at) and next(at) ~= nil then
            key = tonumber(key) and tonumber(key) + 1
            if not key then
                return nil, 400, "invalid sub-path"
            end
        end
        local below = at[key]
        if below == nil then
            below = {}
            at[key] = below
        elseif type(below) ~= "table" then
            return nil, 400, "invalid sub-path"
        end
        at = below
    end
    local last = path[#path]
    if isarray(at) and next(at) ~= nil and tonumber(last) then
        last = tonumber(last) + 1
    end
    if conf == ngx.null then
        at[last] = nil
    elseif type(conf) == "table" and type(at[last]) == "table" then
        at[last] = conf
    else
        at[last] = conf
    end
    return true
end

-- The members that are named, of a table, into a new one.
function M.pick(tab, keys)
    local out = {}
    for key, value in pairs(tab) do
        if keys[key] then
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

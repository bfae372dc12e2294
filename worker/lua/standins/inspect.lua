-- Stand-in for inspect: a value as readable text, {1, 2, name = "x"}; tables that have been written are <table ID>.
local type, tostring, pairs, ipairs, rawget = type, tostring, pairs, ipairs, rawget

local M = {}

local ORDER = { number = 1, boolean = 2, string = 3, table = 4, ["function"] = 5, userdata = 6, thread = 7 }

local function by_type(a, b)
    local kind_a, kind_b = type(a), type(b)
    if kind_a == kind_b and (kind_a == "number" or kind_a == "string") then
        return a < b
    end
    local order_a, order_b = ORDER[kind_a] or 9, ORDER[kind_b] or 9
    return order_a < order_b
end

local function quote(text)
    if text:find('"', 1, true) and not text:find("'", 1, true) then
        return "'" .. text:gsub("\n", "\\n") .. "'"
    end
    return '"' .. text:gsub('[\\"]', "\\%0"):gsub("\n", "\\n"):gsub("\r", "\\r"):gsub("\t", "\\t") .. '"'
end

local function count_tables(value, seen)
    if type(value) ~= "table" then
        return
    end
    seen[value] = (seen[value] or 0) + 1
    if seen[value] > 1 then
        return
    end
    for key, member in pairs(value) do
        count_tables(key, seen)
        count_tables(member, seen)
    end
end

local write

local function write_table(value, state, depth)
    if state.ids[value] then
        return "<table " .. state.ids[value] .. ">"
    end
    local tag = ""
    if state.seen[value] > 1 then
        state.last_id = state.last_id + 1
        state.ids[value] = state.last_id
        tag = "<" .. state.last_id .. ">"
    end
    if state.depth and depth >= state.depth then
        return tag .. "{...}"
    end
    local items, keys, length = {}, {}, 0
    while rawget(value, length + 1) ~= nil do
        length = length + 1
        items[length] = write(value[length], state, depth + 1)
    end
    for key in pairs(value) do
        if not (type(key) == "number" and key >= 1 and key <= length and key % 1 == 0) then
            keys[#keys + 1] = key
        end
    end
    table.sort(keys, by_type)
    for _, key in ipairs(keys) do
        local name = type(key) == "string" and key:match("^[%a_][%w_]*$") or "[" .. write(key, state, depth + 1) .. "]"
        items[#items + 1] = name .. " = " .. write(value[key], state, depth + 1)
    end
    if #items == 0 then
        return tag .. "{}"
    end
    if #keys == 0 then
        return tag .. "{ " .. table.concat(items, ", ") .. " }"
    end
    local indent = state.newline .. state.indent:rep(depth + 1)
    return tag .. "{" .. indent .. table.concat(items, "," .. indent) .. state.newline .. state.indent:rep(depth) .. "}"
end

function write(value, state, depth)
    local kind = type(value)
    if kind == "string" then
        return quote(value)
    elseif kind == "table" then
        return write_table(value, state, depth)
    elseif kind == "number" or kind == "boolean" or kind == "nil" then
        return tostring(value)
    end
    state.numbers[kind] = (state.numbers[kind] or 0) + 1
    return "<" .. kind .. " " .. state.numbers[kind] .. ">"
end

-- opts: depth, newline, indent.
function M.inspect(value, opts)
    opts = opts or {}
    local state = {
        seen = {}, ids = {}, last_id = 0, numbers = {}, depth = opts.depth, newline = opts.newline or "\n",
        indent = opts.indent or "  ",
    }
    count_tables(value, state.seen)
    return write(value, state, 0)
end

return setmetatable(M, { __call = function(_, ...) return M.inspect(...) end })

-- pl.types: what a value is.
local math_floor, math_huge = math.floor, math.huge

local M = {}

local function metatable_of(value)
    local kind = type(value)
    if kind == "table" or kind == "userdata" then
        return getmetatable(value)
    end
    return nil
end

local function has_metamethod(value, name)
    local mt = metatable_of(value)
    return type(mt) == "table" and mt[name] ~= nil
end

function M.is_callable(value)
    return type(value) == "function" or has_metamethod(value, "__call")
end

-- `kind`: the name of a type, or a class.
function M.is_type(value, kind)
    if type(kind) == "string" then
        return type(value) == kind
    end
    return metatable_of(value) == kind
end

-- The name of the value's class, where it has one; "file", or Lua's type.
function M.type(value)
    local kind = type(value)
    if kind ~= "table" and kind ~= "userdata" then
        return kind
    end
    local mt = getmetatable(value)
    if kind == "userdata" and io.type(value) then
        return "file"
    end
    if type(mt) ~= "table" then
        return kind
    end
    return mt._name or "unknown " .. kind
end

function M.is_integer(value)
    return math_floor(value) == value and value ~= math_huge and value ~= -math_huge
end

-- nil, "", {}; everything that is neither a table nor a text is empty too.
function M.is_empty(value, ignore_spaces)
    if type(value) == "table" then
        return next(value) == nil
    elseif type(value) == "string" then
        return value == "" or (not not ignore_spaces and not value:find("%S"))
    end
    return true
end

function M.is_indexable(value)
    return type(value) == "table" or (has_metamethod(value, "__len") and has_metamethod(value, "__index"))
end

function M.is_iterable(value)
    return type(value) == "table" or has_metamethod(value, "__pairs")
end

function M.is_writeable(value)
    return type(value) == "table" or has_metamethod(value, "__newindex")
end

local TRUE_WORDS = { yes = true, y = true, ["true"] = true, t = true, ["1"] = true }

-- Texts by their word, numbers that are not 0; tables that are not empty, where `check_objs` is set.
function M.to_bool(value, true_words, check_objs)
    local kind = type(value)
    if kind == "boolean" then
        return value
    elseif kind == "string" then
        local word = value:lower()
        if TRUE_WORDS[word] then
            return true
        end
        for _, one in ipairs(true_words or {}) do
            if type(one) == "string" and word == one:lower() then
                return true
            end
        end
        return false
    elseif kind == "number" then
        return value ~= 0
    elseif kind == "table" then
        return not not check_objs and next(value) ~= nil
    end
    return not not check_objs and value ~= nil
end

return M

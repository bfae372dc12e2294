-- core.string: Lua's own functions, and plain searches.
local string = string
local setmetatable, type, error, tostring, select, table_concat = setmetatable, type, error, tostring, select, table.concat
local find, sub, byte = string.find, string.sub, string.byte

local M = { version = 0.1 }

local function check(haystack, needle)
    if type(haystack) ~= "string" then
        error("invalid input string: " .. tostring(haystack), 3)
    end
    if type(needle) ~= "string" then
        error("invalid needle string: " .. tostring(needle), 3)
    end
end

-- Plain: no pattern.
function M.find(haystack, needle, from)
    return find(haystack, needle, from or 1, true)
end

function M.has_prefix(s, prefix)
    check(s, prefix)
    return #s >= #prefix and sub(s, 1, #prefix) == prefix
end

function M.has_suffix(s, suffix)
    check(s, suffix)
    return #s >= #suffix and (suffix == "" or sub(s, -#suffix) == suffix)
end

function M.rfind_char(s, ch, idx)
    local wanted = byte(ch)
    for i = idx or #s, 1, -1 do
        if byte(s, i) == wanted then
            return i, i
        end
    end
    return nil
end

-- Comments and white space that Lua does not need.
function M.compress_script(s)
    s = s:gsub("%-%-%[%[.-%]%]", ""):gsub("%-%-[^\n]*", "")
    return (s:gsub("^%s+", ""):gsub("%s+$", ""):gsub("%s+", " "))
end

function M.encode_args(args)
    return ngx.encode_args(args)
end

function M.decode_args(args)
    return ngx.decode_args(args)
end

function M.format(fmt, ...)
    return string.format(fmt, ...)
end

return setmetatable(M, { __index = string })

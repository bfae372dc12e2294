-- core.string: Lua's own functions, and plain searches.
local string = string
local setmetatable, type, error, tostring, select, table_concat = setmetatable, type, error, tostring, select, table.concat
local find, sub, byte = string.find, string.sub, string.byte

local M = { version = 0.1 }

local function check(s, part, what)
    if type(s) ~= "string" or type(part) ~= "string" then
        error("unexpected type: s:" .. type(s) .. ", " .. what .. ":" .. type(part), 3)
    end
end

-- Plain: no pattern.
function M.find(haystack, needle, from)
    return find(haystack, needle, from or 1, true)
end

function M.has_prefix(s, prefix)
    check(s, prefix, "prefix")
    return #s >= #prefix and sub(s, 1, #prefix) == prefix
end

function M.has_suffix(s, suffix)
    check(s, suffix, "suffix")
    return #s >= #suffix and (suffix == "" or sub(s, -#suffix) == suffix)
end

function M.rfind_char(s, ch, idx)
    local wanted = byte(ch)
    for i = idx or #s, 1, -1 do
        if byte(s, i) == wanted then
            return i
        end
    end
    return nil
end

-- Without indentation, and without white space behind commas.
function M.compress_script(s)
    s = ngx.re.gsub(s, [[^\s+]], "", "mjo")
    return (ngx.re.gsub(s, [[,\s+]], ",", "mjo"))
end

function M.encode_args(args)
    return ngx.encode_args(args)
end

function M.decode_args(args)
    return ngx.decode_args(args, 0)
end

function M.format(fmt, ...)
    return string.format(fmt, ...)
end

return setmetatable(M, { __index = string })

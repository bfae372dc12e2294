-- pl.stringx: functions of Python's texts. What is searched for is plain text, no pattern.
local utils = require("pl.utils")
local types = require("pl.types")
local assert_string, assert_arg, escape = utils.assert_string, utils.assert_arg, utils.escape
local find, sub, rep, byte = string.find, string.sub, string.rep, string.byte
local floor, max = math.floor, math.max

local M = {}

local function list_of(values)
    return setmetatable(values, require("pl.List"))
end

-- --- what a text consists of

function M.isalpha(text) return find(assert_string(1, text), "^%a+$") == 1 end
function M.isdigit(text) return find(assert_string(1, text), "^%d+$") == 1 end
function M.isalnum(text) return find(assert_string(1, text), "^%w+$") == 1 end
function M.isspace(text) return find(assert_string(1, text), "^%s+$") == 1 end
function M.islower(text) return find(assert_string(1, text), "^[%l%s]+$") == 1 end
function M.isupper(text) return find(assert_string(1, text), "^[%u%s]+$") == 1 end

local function starts(text, prefix) return sub(text, 1, #prefix) == prefix end
local function ends(text, suffix) return #suffix <= #text and sub(text, #text - #suffix + 1) == suffix end

-- One text, or a list of which one is enough.
local function any_of(text, affix, test)
    if type(affix) == "string" then
        return test(text, affix)
    elseif type(affix) == "table" then
        for _, one in ipairs(affix) do
            if test(text, one) then
                return true
            end
        end
        return false
    end
    error(("argument #2 expected a 'string' or a 'table', got a '%s'"):format(type(affix)), 3)
end

function M.startswith(text, prefix)
    return any_of(assert_string(1, text), prefix, starts)
end

function M.endswith(text, suffix)
    return any_of(assert_string(1, text), suffix, ends)
end

-- --- pieces

function M.join(separator, values)
    return table.concat(utils.array_tostring(values), assert_string(1, separator))
end

function M.splitlines(text, keep_ends)
    assert_string(1, text)
    local out, at = {}, 1
    while true do
        local first = find(text, "[\r\n]", at)
        if not first then
            break
        end
        local last = sub(text, first, first + 1) == "\r\n" and first + 1 or first
        out[#out + 1] = sub(text, at, keep_ends and last or first - 1)
        at = last + 1
    end
    if at <= #text then
        out[#out + 1] = sub(text, at)
    end
    return list_of(out)
end

-- By `separator`, or by spaces; `count` pieces at most.
function M.split(text, separator, count)
    assert_string(1, text)
    if not separator then
        return list_of(utils.split(M.lstrip(text), nil, false, count))
    end
    local out = utils.split(text, separator, true, count)
    local ends_so = separator ~= "" and ends(text, separator)
    if ends_so and (not count or #out < count) then
        out[#out + 1] = ""
    end
    return list_of(out)
end

function M.splitv(text, separator)
    return table.unpack(utils.split(assert_string(1, text), separator, separator ~= nil))
end

function M.lines(text)
    assert_string(1, text)
    if not ends(text, "\n") then
        text = text .. "\n"
    end
    return text:gmatch("([^\n]*)\n")
end

local function partition(text, separator, at)
    if not at then
        return nil
    end
    return sub(text, 1, at - 1), separator, sub(text, at + #separator)
end

-- "a=b", "=" -> "a", "=", "b"; without the separator the text, "" and "".
function M.partition(text, separator)
    assert_arg(2, separator, "string", function(one) return one ~= "" end, "must be a non-empty string")
    local before, it, behind = partition(text, separator, find(assert_string(1, text), separator, 1, true))
    return before or text, it or "", behind or ""
end

function M.rpartition(text, separator)
    assert_arg(2, separator, "string", function(one) return one ~= "" end, "must be a non-empty string")
    local before, it, behind = partition(text, separator, M.rfind(text, separator))
    return before or "", it or "", behind or text
end

function M.at(text, index)
    return sub(assert_string(1, text), index, index)
end

-- --- finding and replacing

function M.lfind(text, part, first, last)
    local at, stop = find(assert_string(1, text), assert_string(2, part), first, true)
    if at and (not last or stop <= last) then
        return at
    end
    return nil
end

-- The last place.
function M.rfind(text, part, first, last)
    assert_string(1, text)
    assert_string(2, part)
    local stop = (last or #text) - #part + 1
    for at = stop, first or 1, -1 do
        if sub(text, at, at + #part - 1) == part then
            return at
        end
    end
    return nil
end

function M.replace(text, old, new, count)
    assert_string(1, text)
    assert_string(2, old)
    assert_string(3, new)
    return (text:gsub(escape(old), (new:gsub("%%", "%%%%")), count))
end

function M.count(text, part, overlapping)
    assert_string(1, text)
    assert_string(2, part)
    local count, at = 0, 1
    while true do
        local first = find(text, part, at, true)
        if not first then
            return count
        end
        count = count + 1
        at = overlapping and first + 1 or first + max(#part, 1)
    end
end

-- --- spaces

local function padding(text, width, fill)
    return rep(fill or " ", width - #text)
end

function M.ljust(text, width, fill)
    return assert_string(1, text) .. padding(text, width, fill)
end

function M.rjust(text, width, fill)
    return padding(assert_string(1, text), width, fill) .. text
end

function M.center(text, width, fill)
    assert_string(1, text)
    if #text >= width then
        return text
    end
    local left = floor((width - #text) / 2)
    return rep(fill or " ", left) .. text .. rep(fill or " ", width - #text - left)
end

local function class_of(chars)
    return chars and "[" .. escape(chars):gsub("%z", "%%z") .. "]" or "%s"
end

local function strip_left(text, chars)
    local at = find(text, "[^" .. (chars and escape(chars) or "%s") .. "]")
    return at and sub(text, at) or ""
end

local function strip_right(text, chars)
    local class, at = "^" .. class_of(chars), #text
    while at > 0 and find(sub(text, at, at), class) do
        at = at - 1
    end
    return sub(text, 1, at)
end

function M.lstrip(text, chars)
    return strip_left(assert_string(1, text), chars)
end

function M.rstrip(text, chars)
    return strip_right(assert_string(1, text), chars)
end

function M.strip(text, chars)
    return strip_right(strip_left(assert_string(1, text), chars), chars)
end

function M.expandtabs(text, width)
    assert_string(1, text)
    width = width or 8
    return (text:gsub("([^\t\r\n]*)\t", function(before)
        return width == 0 and before or before .. rep(" ", width - #before % width)
    end))
end

function M.indent(text, count, fill)
    local prefix, out = rep(fill or " ", count), {}
    for line in M.lines(text) do
        out[#out + 1] = prefix .. line
    end
    return table.concat(out, "\n") .. "\n"
end

-- Without the indentation of the first line.
function M.dedent(text)
    local lines = {}
    local least
    for line in M.lines(text) do
        lines[#lines + 1] = line
        local spaces = line:match("^(%s*)%S")
        least = spaces and math.min(least or #spaces, #spaces) or least
    end
    for i, line in ipairs(lines) do
        lines[i] = sub(line, (least or 0) + 1)
    end
    return table.concat(lines, "\n") .. "\n"
end

-- Lines of at most `width` characters.
function M.wrap(text, width, breaks_words)
    width = width or 70
    local lines, line = {}, nil
    for word in assert_string(1, text):gmatch("%S+") do
        while breaks_words and #word > width do
            local room = line and width - #line - 1 or width
            if room > 0 then
                lines[#lines + 1] = line and line .. " " .. sub(word, 1, room) or sub(word, 1, room)
                word = sub(word, room + 1)
            else
                lines[#lines + 1] = line
            end
            line = nil
        end
        if line and #line + 1 + #word <= width then
            line = line .. " " .. word
        else
            lines[#lines + 1] = line
            line = word
        end
    end
    lines[#lines + 1] = line
    return list_of(lines)
end

function M.fill(text, width, breaks_words)
    return table.concat(M.wrap(text, width, breaks_words), "\n") .. "\n"
end

function M.title(text)
    return (assert_string(1, text):gsub("(%S)(%S*)", function(first, rest)
        return first:upper() .. rest:lower()
    end))
end

-- With "..." at the end, or at the beginning.
function M.shorten(text, width, keeps_tail)
    assert_string(1, text)
    if #text <= width then
        return text
    end
    if width < 3 then
        return rep(".", width)
    end
    return keeps_tail and "..." .. sub(text, #text - width + 4) or sub(text, 1, width - 3) .. "..."
end

function M.quote_string(text)
    assert_string(1, text)
    if text:find("\n", 1, true) or text:find("\r", 1, true) or text:find("]", 1, true) == #text then
        local level = ""
        while text:find("]" .. level .. "]", 1, true) or ends(text, "]" .. level) do
            level = level .. "="
        end
        return ("[%s[%s%s]%s]"):format(level, byte(text) == 10 and "\n" or "", text, level)
    end
    return (("%q"):format(text))
end

-- "%" on texts: a value, or a list of them.
function M.format_operator()
    local format = string.format
    getmetatable("").__mod = function(text, values)
        if type(values) == "table" then
            return format(text, table.unpack(values))
        end
        return format(text, types.is_callable(values) and tostring(values) or values)
    end
end

-- Texts get these methods: s:strip().
function M.import()
    utils.import(M, string)
end

return M

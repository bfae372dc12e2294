-- Tokens of Lua 5.1 with LuaJIT's additions. The text has compiled: what is wrong with it was said then.
local tonumber, ipairs = tonumber, ipairs

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then true
        until while]]):gmatch("%a+") do
    KEYWORDS[word] = true
end

-- Longest first.
local OPERATORS = { "...", "..", "==", "~=", "<=", ">=", "::", "+", "-", "*", "/", "%", "^", "#", "<", ">", "=",
    "(", ")", "{", "}", "[", "]", ";", ":", ",", "." }

local ESCAPES = { a = "\a", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", v = "\v" }

local function unescape(text)
    text = text:gsub("\\z%s*", "")
    return (text:gsub("\\(x?)(%w?%d?%d?)([^%w]?)", function(hex, code, other)
        if hex == "x" then
            return string.char(tonumber(code:sub(1, 2), 16) or 63) .. code:sub(3) .. other
        end
        local digits = code:match("^%d+")
        if digits then
            return string.char(tonumber(digits) % 256) .. other
        end
        if code ~= "" then
            return (ESCAPES[code:sub(1, 1)] or code:sub(1, 1)) .. code:sub(2) .. other
        end
        return other
    end))
end

local function count_lines(text, first, last)
    local count = 0
    for _ in text:sub(first, last):gmatch("\n") do
        count = count + 1
    end
    return count
end

-- The end of "[[ ... ]]" that begins at `at`, and what is between; nil: there is none.
local function long_bracket(text, at)
    local _, open_end, level = text:find("^%[(=*)%[", at)
    if not open_end then
        return nil
    end
    local first, last = text:find("]" .. level .. "]", open_end + 1, true)
    return last or #text, text:sub(open_end + 1, (first or #text + 1) - 1)
end

local function quoted(text, at)
    local quote = text:sub(at, at)
    local i = at + 1
    while i <= #text do
        local c = text:sub(i, i)
        if c == "\\" then
            i = i + 1
        elseif c == quote then
            break
        end
        i = i + 1
    end
    return i, unescape(text:sub(at + 1, i - 1))
end

local function skip_blanks(text, at, line)
    while true do
        local _, last = text:find("^%s+", at)
        if last then
            line = line + count_lines(text, at, last)
            at = last + 1
        elseif text:sub(at, at + 1) == "--" then
            last = long_bracket(text, at + 2) or (text:find("\n", at, true) or #text + 1) - 1
            line = line + count_lines(text, at, last)
            at = last + 1
        else
            return at, line
        end
    end
end

-- A list of {kind, value, line}: kind is "name", "string", "number", "eof", a keyword or an operator.
return function(text)
    local tokens, at, line = {}, 1, 1
    if text:sub(1, 1) == "#" then
        at = (text:find("\n", 1, true) or #text + 1)
    end
    local function add(kind, value, last)
        tokens[#tokens + 1] = { kind = kind, value = value, line = line }
        line = line + count_lines(text, at, last)
        at = last + 1
    end
    while true do
        at, line = skip_blanks(text, at, line)
        if at > #text then
            break
        end
        local c = text:sub(at, at)
        if c:find("[%a_\128-\255]") then
            local _, last, word = text:find("^([%w_\128-\255]+)", at)
            add(KEYWORDS[word] and word or "name", word, last)
        elseif c:find("%d") or text:find("^%.%d", at) then
            local _, last = text:find("^0[xX][%x%.pP]*", at)
            if not last then
                _, last = text:find("^[%d%.]*", at)
                local _, exponent = text:find("^[eE][%+%-]?%d+", last + 1)
                last = exponent or last
            end
            local _, suffix = text:find("^[uUlLiI]+", last + 1)
            add("number", nil, suffix or last)
        elseif c == '"' or c == "'" then
            local last, value = quoted(text, at)
            add("string", value, last)
        elseif text:find("^%[=*%[", at) then
            local last, value = long_bracket(text, at)
            add("string", value, last)
        else
            local found
            for _, operator in ipairs(OPERATORS) do
                if text:sub(at, at + #operator - 1) == operator then
                    found = operator
                    break
                end
            end
            add(found or c, nil, at + #(found or c) - 1)
        end
    end
    tokens[#tokens + 1] = { kind = "eof", line = line }
    return tokens
end

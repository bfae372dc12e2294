-- pl.pretty: tables as text, and back.
local stringx = require("pl.stringx")

local M = {}

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function if in local nil not or repeat return then true until
        while goto]]):gmatch("%a+") do
    KEYWORDS[word] = true
end

local function key_text(key)
    if type(key) == "string" and key:find("^[%a_][%w_]*$") and not KEYWORDS[key] then
        return key
    elseif type(key) == "string" then
        return "[" .. stringx.quote_string(key) .. "]"
    end
    return "[" .. tostring(key) .. "]"
end

local function sorted_keys(t)
    local keys = {}
    for key in pairs(t) do
        if not (type(key) == "number" and key >= 1 and key <= #t and key % 1 == 0) then
            keys[#keys + 1] = key
        end
    end
    table.sort(keys, function(a, b)
        if type(a) == type(b) and (type(a) == "number" or type(a) == "string") then
            return a < b
        end
        return tostring(a) < tostring(b)
    end)
    return keys
end

-- `space`: of one level ("": all on one line). Tables that hold themselves are written as <cycle>.
function M.write(value, space, keeps_all_keys)
    if type(value) ~= "table" then
        return type(value) == "string" and stringx.quote_string(value) or tostring(value)
    end
    space = space or "  "
    local newline = space == "" and "" or "\n"
    local out, above = {}, {}
    local function put(one, indent)
        if type(one) == "string" then
            out[#out + 1] = stringx.quote_string(one)
        elseif type(one) ~= "table" then
            out[#out + 1] = tostring(one)
        elseif above[one] then
            out[#out + 1] = "<cycle>"
        else
            above[one] = true
            out[#out + 1] = "{" .. newline
            local inner, is_first = indent .. space, true
            local function comma()
                if not is_first then
                    out[#out + 1] = "," .. newline
                end
                is_first = false
                out[#out + 1] = inner
            end
            for i = 1, #one do
                comma()
                if keeps_all_keys then
                    out[#out + 1] = "[" .. i .. "]" .. (space == "" and "=" or " = ")
                end
                put(one[i], inner)
            end
            for _, key in ipairs(sorted_keys(one)) do
                comma()
                out[#out + 1] = key_text(key) .. (space == "" and "=" or " = ")
                put(one[key], inner)
            end
            out[#out + 1] = is_first and "}" or newline .. indent .. "}"
            above[one] = nil
        end
    end
    put(value, "")
    return table.concat(out)
end

function M.dump(value, name)
    if not name then
        print(M.write(value))
        return true
    end
    return require("pl.utils").writefile(name, M.write(value))
end

-- A table constructor; nothing of Lua's functions can be called in it.
function M.read(text)
    text = text:match("^%s*(.-)%s*$")
    if text:sub(1, 1) ~= "{" then
        return nil, "not a Lua table"
    end
    if text:find("[^'\"%w_]function[^'\"%w_]") then
        return nil, "cannot have functions in table definition"
    end
    local chunk, err = loadstring("return " .. text, "tbl")
    if not chunk then
        return nil, err
    end
    local ok, value = pcall(setfenv(chunk, {}))
    if not ok then
        return nil, value
    end
    return value
end

function M.load(text, env, is_paranoid)
    if is_paranoid and (text:find("%f[%a]function%f[%A]") or text:find("%f[%a]while%f[%A]")) then
        return nil, "code cannot contain functions"
    end
    local chunk, err = loadstring(text)
    if not chunk then
        return nil, err
    end
    env = env or {}
    local ok, fault = pcall(setfenv(chunk, env))
    if not ok then
        return nil, fault
    end
    return env
end

local UNITS = { M = { "B", "KiB", "MiB", "GiB", "TiB" }, N = { "", "K", "M", "B" }, T = { "", "K", "M", "B" } }

function M.number(value, kind, digits)
    kind = kind or "N"
    local base = kind == "M" and 1024 or 1000
    local units, at = UNITS[kind], 1
    while value >= base and at < #units do
        value, at = value / base, at + 1
    end
    local text = at == 1 and tostring(value) or ("%." .. (digits or 1) .. "f"):format(value)
    return text .. (units[at] or "")
end

function M.comma(value)
    local text = tostring(value)
    repeat
        local done
        text, done = text:gsub("^(-?%d+)(%d%d%d)", "%1,%2")
    until done == 0
    return text
end

return setmetatable(M, { __call = function(_, value) return M.dump(value) end })

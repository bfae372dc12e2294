-- pl.utils: the base of the other modules.
local compat = require("pl.compat")
local types = require("pl.types")
local find, sub, type, select, tostring = string.find, string.sub, type, select, tostring

local M = {
    _VERSION = "1.13.1", pack = table.pack, unpack = table.unpack, setfenv = setfenv, getfenv = getfenv, load = load,
    execute = compat.execute, lua51 = true, jit = true, is_windows = false, dir_separator = "/",
    stdmt = { List = {}, Map = {}, Set = {}, MultiMap = {} },
    patterns = {
        FLOAT = "[%+%-%d]%d*%.?%d*[eE]?[%+%-]?%d*", INTEGER = "[+%-%d]%d*", IDEN = "[%a_][%w_]*",
        FILE = "[%a%.\\][:%][%w%._%-\\]*",
    },
    is_type = types.is_type, is_callable = types.is_callable, is_integer = types.is_integer,
}
M.stdmt.List._name, M.stdmt.Map._name, M.stdmt.Set._name = "List", "Map", "Set"

function M.npairs(t, from, to, step)
    step = step or 1
    local last = to or t.n or #t
    local i = (from or 1) - step
    return function()
        i = i + step
        if (step > 0 and i <= last) or (step < 0 and i >= last) then
            return i, t[i]
        end
        return nil
    end
end

function M.noop() end

function M.choose(condition, a, b)
    if condition then
        return a
    end
    return b
end

function M.assert_arg(n, value, kind, verify, message, level)
    if type(value) ~= kind then
        error(("argument %d expected a '%s', got a '%s'"):format(n, kind, type(value)), level or 2)
    end
    if verify and not verify(value) then
        error(("argument %d: '%s' %s"):format(n, tostring(value), message or "failed verification"), level or 2)
    end
    return value
end

function M.assert_string(n, value)
    return M.assert_arg(n, value, "string", nil, nil, 3)
end

local operators

-- A function, a callable object, an operator's text, or a text "|x| x + 1".
function M.function_arg(n, f, message)
    if type(f) == "function" then
        return f
    elseif type(f) == "string" then
        operators = operators or require("pl.operator").optable
        local known = operators[f]
        if known then
            return known
        end
        local made = M.string_lambda(f)
        if made then
            return made
        end
    elseif types.is_callable(f) then
        return function(...) return f(...) end
    end
    error(("argument %d: %s"):format(n, message or "must be callable"), 3)
end

-- "|x, y| x + y" or "_ + 1" as a function.
function M.string_lambda(text)
    local arguments, body = text:match("^%s*|([^|]*)|%s*(.+)$")
    if not arguments then
        if not find(text, "_", 1, true) then
            return nil, "not a string lambda"
        end
        arguments, body = "_", text
    end
    local chunk = loadstring("return function(" .. arguments .. ") return " .. body .. " end")
    if not chunk then
        return nil, "not a string lambda"
    end
    return chunk()
end

function M.bind1(f, first)
    f = M.function_arg(1, f)
    return function(...) return f(first, ...) end
end

function M.bind2(f, second)
    f = M.function_arg(1, f)
    return function(first, ...) return f(first, second, ...) end
end

function M.memoize(f)
    local known = {}
    return function(key)
        local value = known[key]
        if value == nil then
            value = f(key)
            known[key] = value
        end
        return value
    end
end

function M.escape(text)
    return (M.assert_string(1, text):gsub("[%-%.%+%[%]%(%)%$%^%%%?%*]", "%%%1"):gsub("%%%%1", "%%%%"))
end

-- The pieces of a text; the last one holds the rest when there would be more than `max`.
function M.split(text, pattern, plain, max)
    M.assert_string(1, text)
    pattern = pattern or "%s+"
    if pattern == "" then
        return { text }
    end
    local out, at = {}, 1
    while true do
        local first, last = find(text, pattern, at, plain)
        if not first or last < first then
            local rest = sub(text, at)
            if rest ~= "" then
                out[#out + 1] = rest
            end
            if #out == 1 and out[1] == "" then
                return {}
            end
            return out
        end
        out[#out + 1] = sub(text, at, first - 1)
        if max and #out == max then
            out[#out] = sub(text, at)
            return out
        end
        at = last + 1
    end
end

function M.splitv(text, pattern, plain, max)
    return table.unpack(M.split(text, pattern, plain, max))
end

function M.readfile(name, is_bin)
    local file, err = io.open(name, is_bin and "rb" or "r")
    if not file then
        return nil, err
    end
    local text, fault = file:read("*a")
    file:close()
    if not text then
        return nil, name .. ": " .. tostring(fault)
    end
    return text
end

function M.writefile(name, text, is_bin)
    local file, err = io.open(name, is_bin and "wb" or "w")
    if not file then
        return nil, err
    end
    local ok, fault = file:write(text)
    file:close()
    if not ok then
        return nil, name .. ": " .. tostring(fault)
    end
    return true
end

function M.readlines(name)
    local file, err = io.open(name, "r")
    if not file then
        return nil, err
    end
    local lines = {}
    for line in file:lines() do
        lines[#lines + 1] = line
    end
    file:close()
    return lines
end

-- Runs a command and takes what it prints: ok, code, output, errors. It blocks the worker.
function M.executeex(command, is_bin)
    local out, err = os.tmpname(), os.tmpname()
    local ok, code = compat.execute(("%s > %s 2> %s"):format(command, out, err))
    local output, errors = M.readfile(out, is_bin), M.readfile(err, is_bin)
    os.remove(out)
    os.remove(err)
    return ok, code, output or "", errors or ""
end

function M.quote_arg(argument)
    if type(argument) == "table" then
        local out = {}
        for i, one in ipairs(argument) do
            out[i] = M.quote_arg(one)
        end
        return table.concat(out, " ")
    end
    if argument == "" or argument:find("[^%w@%%+=:,./_-]") then
        return "'" .. argument:gsub("'", "'\\''") .. "'"
    end
    return argument
end

-- The message goes to a handler that may be set; without one it is raised or returned.
local on_error = "default"
function M.on_error(mode)
    on_error = mode
end

function M.raise(message)
    if on_error == "error" then
        error(message, 2)
    elseif on_error == "quit" then
        error(message, 0)
    end
    return nil, message
end

function M.die(code, message, ...)
    if type(code) ~= "number" then
        message, code = code, 1
    end
    error(select("#", ...) > 0 and message:format(...) or tostring(message), 0)
end
M.quit = M.die

function M.fprintf(file, format, ...)
    file:write(format:format(...))
end

function M.printf(format, ...)
    M.fprintf(io.stdout, format, ...)
end

function M.import(module, into)
    into = into or _G
    module = module or M
    if type(module) == "string" then
        module = require(module)
    end
    for name, value in pairs(module) do
        into[name] = value
    end
end

function M.array_tostring(values, out)
    out = out or {}
    for i = 1, #values do
        out[i] = tostring(values[i])
    end
    return out
end

function M.enum(...)
    local names = type((...)) == "table" and (...) or { ... }
    local out = {}
    for key, value in pairs(names) do
        out[type(key) == "number" and value or key] = value
    end
    return setmetatable(out, {
        __index = function(_, key)
            error(("'%s' is not a valid value (expected one of: '%s')")
                :format(tostring(key), table.concat(names, "', '")), 2)
        end,
    })
end

return M

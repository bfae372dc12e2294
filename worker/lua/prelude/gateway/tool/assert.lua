-- The assertions of tests, in luassert's words: assert.are.equal(expected, actual), assert.is_true(x),
-- assert.has_no.errors(f), assert.spy(s).was.called_with(...). Words between are free: is, are, has, was ...;
-- "not" and "no" turn it round.
local inspect = require("inspect")
local type, tostring, pairs, ipairs, select, pcall, error = type, tostring, pairs, ipairs, select, pcall, error
local setmetatable, rawget, rawset, unpack, math = setmetatable, rawget, rawset, unpack, math
local table = table

local M = {}

local FILLERS = {}
for word in ("is are was were has have had does be been a an the to that"):gmatch("%a+") do
    FILLERS[word] = true
end
local NEGATIONS = { ["not"] = true, no = true, never = true }

-- --- comparing

-- Where they differ, as ".a[2]"; nil: they do not. Tables are compared by what they have.
local function difference(a, b, path, seen)
    if a == b or (a ~= a and b ~= b) then
        return nil
    end
    if type(a) ~= "table" or type(b) ~= "table" then
        return path
    end
    if seen[a] == b then
        return nil
    end
    seen[a] = b
    local function at(key)
        return type(key) == "string" and key:find("^[%a_][%w_]*$") and path .. "." .. key
            or path .. "[" .. (type(key) == "string" and ("%q"):format(key) or tostring(key)) .. "]"
    end
    for key, value in pairs(a) do
        local found = difference(value, b[key], at(key), seen)
        if found then
            return found
        end
    end
    for key in pairs(b) do
        if a[key] == nil then
            return at(key)
        end
    end
end

local function is_same(a, b)
    return difference(a, b, "", {}) == nil
end

local function lines_of(text)
    local lines = {}
    for line in (text .. "\n"):gmatch("(.-)\n") do
        lines[#lines + 1] = line
    end
    return lines
end

local function shown(value)
    return type(value) == "string" and value:find("\n") and value or inspect(value)
end

local CONTEXT_LINES = 2

-- What is the same at both ends is left out.
local function diff(expected, actual)
    local a, b = lines_of(shown(expected)), lines_of(shown(actual))
    local first = 1
    while first <= #a and first <= #b and a[first] == b[first] do
        first = first + 1
    end
    local last_a, last_b = #a, #b
    while last_a >= first and last_b >= first and a[last_a] == b[last_b] do
        last_a, last_b = last_a - 1, last_b - 1
    end
    local out = {}
    local function add(mark, lines, from, to)
        for i = math.max(from, 1), math.min(to, #lines) do
            out[#out + 1] = mark .. lines[i]
        end
    end
    add("  ", a, first - CONTEXT_LINES, first - 1)
    add("- ", a, first, last_a)
    add("+ ", b, first, last_b)
    add("  ", a, last_a + 1, last_a + CONTEXT_LINES)
    return table.concat(out, "\n")
end

local function versus(expected, actual)
    return "- expected, + got\n" .. diff(expected, actual)
end

-- --- assertions: (arguments ...): ok, what is wrong, what is wrong when it is turned round

local ASSERTIONS = {}

function ASSERTIONS.equal(expected, actual)
    return expected == actual, versus(expected, actual), "both are " .. shown(actual)
end

function ASSERTIONS.same(expected, actual)
    local at = difference(expected, actual, "", {})
    local place = at and at ~= "" and "they differ at " .. at .. "\n" or ""
    return at == nil, place .. versus(expected, actual), "both are " .. shown(actual)
end

ASSERTIONS["true"] = function(value) return value == true, "expected true, got " .. shown(value), "it is true" end
ASSERTIONS["false"] = function(value) return value == false, "expected false, got " .. shown(value), "it is false" end
ASSERTIONS["nil"] = function(value) return value == nil, "expected nil, got " .. shown(value), "it is nil" end
function ASSERTIONS.truthy(value)
    return not not value, "expected something true, got " .. shown(value), "it is " .. shown(value)
end
function ASSERTIONS.falsy(value)
    return not value, "expected nil or false, got " .. shown(value), "it is " .. shown(value)
end

for _, kind in ipairs({ "string", "number", "table", "function", "boolean", "userdata", "thread" }) do
    ASSERTIONS[kind] = function(value)
        return type(value) == kind, ("expected a %s, got %s"):format(kind, shown(value)), "it is a " .. kind
    end
end

function ASSERTIONS.near(expected, actual, tolerance)
    local ok = type(actual) == "number" and math.abs(actual - expected) <= tolerance
    return ok, ("expected %s, give or take %s, got %s"):format(expected, tolerance, shown(actual)),
        ("%s is within %s of it"):format(shown(actual), tolerance)
end

function ASSERTIONS.matches(pattern, text, init, plain)
    local ok = type(text) == "string" and text:find(pattern, init, plain) ~= nil
    return ok, ("expected a text with %q, got %s"):format(pattern, shown(text)), ("%s has %q"):format(shown(text), pattern)
end

local function thrown(f)
    local ok, err = pcall(f)
    return not ok, err
end

-- Behind "FILE:LINE: ".
local function without_place(err)
    return type(err) == "string" and (err:gsub("^[^\n]-:%d+: ", "")) or err
end

function ASSERTIONS.error(f, expected)
    local has_thrown, err = thrown(f)
    if not has_thrown then
        return false, "it raised no error"
    end
    local ok = expected == nil or is_same(expected, err) or is_same(expected, without_place(err))
    return ok, "another error\n" .. versus(expected, err), "it raised " .. shown(err)
end

function ASSERTIONS.error_matches(f, pattern, init, plain)
    local has_thrown, err = thrown(f)
    if not has_thrown then
        return false, "it raised no error"
    end
    return ASSERTIONS.matches(pattern, type(err) == "table" and tostring(err) or err, init, plain)
end

function ASSERTIONS.unique(list)
    for i, a in ipairs(list) do
        for j = 1, i - 1 do
            if is_same(a, list[j]) then
                return false, ("%d and %d are the same: %s"):format(j, i, shown(a))
            end
        end
    end
    return true, nil, "all are different"
end

-- --- of spies: the spy comes first

local SPY_ASSERTIONS = {}

function SPY_ASSERTIONS.called(spy, times)
    local count = #spy.calls
    local ok = times == nil and count > 0 or times == count
    return ok, ("expected %s calls, got %d"):format(times or "some", count), ("it was called %d times"):format(count)
end

function SPY_ASSERTIONS.called_at_least(spy, times)
    return #spy.calls >= times, ("expected at least %d calls, got %d"):format(times, #spy.calls), "it was called so often"
end

function SPY_ASSERTIONS.called_at_most(spy, times)
    return #spy.calls <= times, ("expected at most %d calls, got %d"):format(times, #spy.calls), "it was not called more often"
end

function SPY_ASSERTIONS.called_with(spy, ...)
    local wanted = { n = select("#", ...), ... }
    local all = {}
    for i, call in ipairs(spy.calls) do
        all[i] = shown({ unpack(call, 1, call.n) })
        local is_like = call.n == wanted.n
        for at = 1, wanted.n do
            is_like = is_like and (wanted[at] == M.anything or is_same(wanted[at], call[at]))
        end
        if is_like then
            return true, nil, "it was called with " .. shown({ ... })
        end
    end
    return false, ("expected a call with %s, got\n%s"):format(shown({ ... }), #all > 0 and table.concat(all, "\n") or "none")
end

function SPY_ASSERTIONS.returned_with(spy, ...)
    for _, returned in ipairs(spy.returned) do
        if is_same({ unpack(returned, 1, returned.n) }, { ... }) then
            return true, nil, "it returned " .. shown({ ... })
        end
    end
    return false, "it never returned " .. shown({ ... })
end

M.anything = setmetatable({}, { __tostring = function() return "match._" end })

local ALIASES = {
    equals = "equal", eq = "equal", errors = "error", error_match = "error_matches", match = "matches",
    match_error = "error_matches", matches_error = "error_matches", True = "true", False = "false", Nil = "nil",
    Truthy = "truthy", Falsy = "falsy", Function = "function", called_times = "called",
}

local function fail(message, level)
    error({ is_assertion = true, message = message }, level)
end

local Chain = {}

local function chain(assertions, subject, is_negated)
    return setmetatable({ assertions = assertions, subject = subject, is_negated = is_negated or false }, Chain)
end

local function name_after(self, word)
    local rest, is_negated = word, self.is_negated
    while rest do
        local first, behind = rest:match("^(%a+)_?(.*)$")
        if first and NEGATIONS[first:lower()] then
            is_negated = not is_negated
        elseif not (first and FILLERS[first]) then
            break
        end
        rest = behind ~= "" and behind or nil
    end
    return rest, is_negated
end

function Chain:__index(word)
    local rest, is_negated = name_after(self, word)
    local assertions, subject = rawget(self, "assertions"), rawget(self, "subject")
    if not rest then
        return chain(assertions, subject, is_negated)
    end
    local check = assertions[rest] or assertions[ALIASES[rest] or ""]
    if not check then
        error(("assert has no %q"):format(word), 2)
    end
    return function(...)
        local function conclude(ok, wrong, wrong_when_negated)
            if ok == is_negated then
                fail(is_negated and (wrong_when_negated or "it is so") or wrong, 3)
            end
        end
        if subject then
            conclude(check(subject, ...))
        else
            conclude(check(...))
        end
        return ...
    end
end

-- assert(value, message) is Lua's own.
function Chain.__call(_, value, message, ...)
    if not value then
        fail(message == nil and "assertion failed!" or message, 3)
    end
    return value, message, ...
end

local function with_spies(root)
    rawset(root, "spy", function(spy) return chain(SPY_ASSERTIONS, spy) end)
    rawset(root, "stub", root.spy)
    return root
end

M.assert = with_spies(chain(ASSERTIONS))

-- For modules, plugins among them: called, it is what it is without tests.
local lua_assert = assert
local Plain = { __index = Chain.__index, __call = function(_, ...) return lua_assert(...) end }
M.plain_assert = with_spies(setmetatable({ assertions = ASSERTIONS, is_negated = false }, Plain))

-- --- spies

local Spy = {}
Spy.__index = Spy

function Spy:__call(...)
    self.calls[#self.calls + 1] = { n = select("#", ...), ... }
    local returned = { n = 0 }
    local function keep(...)
        returned = { n = select("#", ...), ... }
        return ...
    end
    if self.calls_through then
        local function done(...)
            self.returned[#self.returned + 1] = returned
            return ...
        end
        return done(keep(self.calls_through(...)))
    end
end

function Spy:clear()
    self.calls, self.returned = {}, {}
end

function Spy:revert()
    if self.owner then
        self.owner[self.key] = self.before
    end
    return self.before
end

function Spy:returns(...)
    local values = { n = select("#", ...), ... }
    self.calls_through = function() return unpack(values, 1, values.n) end
    return self
end

function Spy:invokes(f)
    self.calls_through = f
    return self
end

local function new_spy(f)
    return setmetatable({ calls = {}, returned = {}, calls_through = f }, Spy)
end

-- Of the running test: taken back when it has ended.
M.installed = {}

local function install(owner, key, f)
    local spy = new_spy(f)
    spy.owner, spy.key, spy.before = owner, key, owner[key]
    owner[key] = spy
    M.installed[#M.installed + 1] = spy
    return spy
end

M.spy = { new = new_spy, on = function(owner, key) return install(owner, key, owner[key]) end }

-- stub(table, "name", returned values ...)
M.stub = setmetatable({ new = function(owner, key) return install(owner, key) end }, {
    __call = function(_, owner, key, ...)
        local stub = install(owner, key)
        return select("#", ...) > 0 and stub:returns(...) or stub
    end,
})

function M.revert_all()
    for i = #M.installed, 1, -1 do
        M.installed[i]:revert()
    end
    M.installed = {}
end

return M

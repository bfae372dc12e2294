-- Stand-in for resty.expr.v1: expressions over variables, {{"arg_x", "==", "1"}, {"OR", {...}, {...}}}. The language and
-- its error texts are lua-resty-expr's.
local ipmatcher = require("resty.ipmatcher")
local re_find = ngx.re.find
local type, tonumber, tostring, ipairs, setmetatable = type, tonumber, tostring, ipairs, setmetatable

local M = {}
local mt = { __index = M }

local function ordered(compare)
    return function(left, right)
        left, right = tonumber(left), tonumber(right)
        return left ~= nil and right ~= nil and compare(left, right)
    end
end

local function contains(list, wanted)
    if type(list) ~= "table" then
        return false
    end
    for _, element in ipairs(list) do
        if element == wanted then
            return true
        end
    end
    return false
end

-- A number on the right makes a number of the left.
local function equal(left, right)
    if type(right) == "number" then
        left = tonumber(left)
        return left ~= nil and left == right
    end
    return left == right
end

local function finds(options)
    return function(text, pattern)
        return text ~= nil and text ~= false and re_find(text, pattern, options) ~= nil
    end
end

local holds = {
    ["=="] = equal,
    ["~="] = function(left, right) return not equal(left, right) end,
    [">"] = ordered(function(a, b) return a > b end),
    [">="] = ordered(function(a, b) return a >= b end),
    ["<"] = ordered(function(a, b) return a < b end),
    ["<="] = ordered(function(a, b) return a <= b end),
    ["~~"] = finds("jo"),
    ["~*"] = finds("joi"),
    ["in"] = function(left, right) return contains(right, left) end,
    has = contains,
    ipmatch = function(left, matcher) return matcher:match(left) end,
}

-- Of an operator: is it an AND, is the outcome turned around.
local groups = {
    AND = { is_and = true }, OR = { is_and = false }, ["!AND"] = { is_and = true, is_negated = true },
    ["!OR"] = { is_and = false, is_negated = true },
}

local function compile_addresses(right)
    if not right or right == "" then
        return nil, "invalid ip address"
    end
    if type(right) ~= "table" then
        right = { right }
    end
    if #right == 0 then
        return nil, "invalid ip address"
    end
    return ipmatcher.new(right)
end

local function compile_comparison(rule)
    local left, op, right = rule[1], rule[2], rule[3]
    local is_negated = #rule == 4
    if is_negated then
        if op ~= "!" then
            return nil, "bad 'not' expression"
        end
        op, right = rule[3], rule[4]
    end
    local name = type(op) == "string" and op:lower() or op
    if right == nil and not holds[name] then
        -- two elements: the second is the value
        name, right = "==", name
        if right == nil then
            return nil, "invalid expression"
        end
    end
    if left == nil or name == nil then
        return nil, "invalid expression"
    end
    local compare = holds[name]
    if not compare then
        return nil, "invalid operator '" .. tostring(name) .. "'"
    end
    if name == "ipmatch" then
        local matcher, err = compile_addresses(right)
        if not matcher then
            return nil, err
        end
        right = matcher
    elseif right == ngx.null then
        right = nil
    end
    return { left = left, compare = compare, right = right, is_negated = is_negated }
end

local compile

local function compile_group(kind, rules, first)
    local group = { is_and = kind.is_and, is_negated = kind.is_negated or false }
    for i = first, #rules do
        local operand, err = compile(rules[i])
        if not operand then
            return nil, err
        end
        group[#group + 1] = operand
    end
    group.is_group = true
    return group
end

function compile(rule)
    if #rule == 0 then
        return nil, "rule too short"
    end
    if type(rule[1]) == "table" then
        return compile_group(groups.AND, rule, 1)
    end
    local kind = groups[rule[1]:upper()]
    if not kind then
        return compile_comparison(rule)
    end
    if #rule <= 2 then
        return nil, "rule too short"
    end
    return compile_group(kind, rule, 2)
end

local function decide(step, vars)
    if not step.is_group then
        return (step.compare(vars[step.left], step.right) and true or false) ~= step.is_negated
    end
    for i = 1, #step do
        if decide(step[i], vars) ~= step.is_and then
            return step.is_and == step.is_negated
        end
    end
    return step.is_and ~= step.is_negated
end

-- new(rule) -> expression | nil, why. No rule at all is always true.
function M.new(rule)
    if not rule then
        return nil, "missing argument rule"
    end
    if #rule == 0 then
        return setmetatable({}, mt)
    end
    if type(rule[1]) ~= "table" and not groups[rule[1]:upper()] then
        return nil, "rule should be wrapped inside brackets"
    end
    local compiled, err = compile(rule)
    if not compiled then
        return nil, err
    end
    return setmetatable({ rule = compiled }, mt)
end

-- eval(vars): of a table or of ctx.var.
function M:eval(vars)
    if not self.rule then
        return true
    end
    vars = vars or ngx.var
    if type(vars) ~= "table" and type(vars) ~= "userdata" then
        return nil, "bad ctx type"
    end
    return decide(self.rule, vars)
end

return M

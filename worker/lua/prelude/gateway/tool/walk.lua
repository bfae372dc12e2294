-- Visits a syntax tree (parser.lua): `visit(node, is_test)` for each expression, outermost first; true: what is
-- inside is not visited. `is_test`: its value is only looked at for being there ("if x", "x and ...", "x == nil").
local ipairs = ipairs

local M = {}

local COMPARISONS = { ["=="] = true, ["~="] = true }

local expression, expressions

function expressions(list, visit, is_test)
    for _, node in ipairs(list) do
        expression(node, visit, is_test)
    end
end

local INSIDE = {
    index = function(node, visit)
        expression(node.object, visit)
        expression(node.key, visit)
    end,
    call = function(node, visit)
        expression(node.callee, visit)
        expressions(node.args, visit)
    end,
    method = function(node, visit)
        expression(node.object, visit)
        expressions(node.args, visit)
    end,
    table = function(node, visit)
        for _, item in ipairs(node.items) do
            if item.key then
                expression(item.key, visit)
            end
            expression(item.value, visit)
        end
    end,
    binary = function(node, visit, is_test)
        local operator = node.operator
        if operator == "and" or operator == "or" then
            expression(node.left, visit, true)
            expression(node.right, visit, is_test)
        else
            local with_nil = COMPARISONS[operator] and (node.left.kind == "nil" or node.right.kind == "nil")
            expression(node.left, visit, with_nil)
            expression(node.right, visit, with_nil)
        end
    end,
    unary = function(node, visit)
        expression(node.right, visit, node.operator == "not")
    end,
    ["function"] = function(node, visit)
        M.block(node.body, visit)
    end,
}

function expression(node, visit, is_test)
    if visit(node, is_test) then
        return
    end
    local inside = INSIDE[node.kind]
    if inside then
        inside(node, visit, is_test)
    end
end
M.expression = expression

local STATEMENTS = {
    ["local"] = function(node, visit)
        expressions(node.values, visit)
    end,
    assign = function(node, visit)
        for _, target in ipairs(node.targets) do
            if target.kind == "index" then
                -- what is written need not be there
                expression(target.object, visit)
                expression(target.key, visit)
            elseif target.kind == "global" then
                visit({ kind = "write", name = target.name, line = target.line })
            end
        end
        expressions(node.values, visit)
    end,
    call = function(node, visit)
        expression(node.call, visit)
    end,
    block = function(node, visit)
        M.block(node.body, visit)
    end,
    ["while"] = function(node, visit)
        expression(node.condition, visit, true)
        M.block(node.body, visit)
    end,
    ["repeat"] = function(node, visit)
        M.block(node.body, visit)
        expression(node.condition, visit, true)
    end,
    ["if"] = function(node, visit)
        for _, clause in ipairs(node.clauses) do
            if clause.condition then
                expression(clause.condition, visit, true)
            end
            M.block(clause.body, visit)
        end
    end,
    ["for"] = function(node, visit)
        expressions(node.values, visit)
        M.block(node.body, visit)
    end,
    ["return"] = function(node, visit)
        expressions(node.values, visit)
    end,
}

function M.block(body, visit)
    for _, node in ipairs(body) do
        local inside = STATEMENTS[node.kind]
        if inside then
            inside(node, visit)
        end
    end
end

-- Each statement, nested ones too; not those of functions.
function M.statements(body, visit)
    for _, node in ipairs(body) do
        visit(node)
        if node.body then
            M.statements(node.body, visit)
        end
        for _, clause in ipairs(node.clauses or {}) do
            M.statements(clause.body, visit)
        end
    end
end

return M

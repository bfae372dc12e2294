-- A syntax tree of a text that compiles, its names resolved: a name is a local variable (one table for all its
-- uses) or a global one.
--
-- Expressions: {kind = "nil" | "true" | "false" | "vararg" | "number" | "string" (value) | "function" (body,
-- params) | "local" (var) | "global" (name) | "index" (object, key) | "call" (callee, args) | "method" (object,
-- name, args) | "table" (items) | "binary" (operator, left, right) | "unary" (operator, right), line}.
-- Statements: {kind = "local" (vars, values) | "assign" (targets, values) | "call" (call) | "block" (body) |
-- "while" (condition, body) | "repeat" | "if" (clauses) | "for" (vars, values, body) | "return" (values) |
-- "other", line}. A variable: {name, line, value (of its declaration), is_changed, params_of}.
local lex = require("gateway.tool.lexer")
local setmetatable, error, ipairs = setmetatable, error, ipairs

local Parser = {}
Parser.__index = Parser

-- Left and right priority, as in Lua's manual.
local BINARY = {
    ["or"] = { 1, 1 }, ["and"] = { 2, 2 }, ["<"] = { 3, 3 }, [">"] = { 3, 3 }, ["<="] = { 3, 3 }, [">="] = { 3, 3 },
    ["~="] = { 3, 3 }, ["=="] = { 3, 3 }, [".."] = { 5, 4 }, ["+"] = { 6, 6 }, ["-"] = { 6, 6 }, ["*"] = { 7, 7 },
    ["/"] = { 7, 7 }, ["%"] = { 7, 7 }, ["^"] = { 10, 9 },
}
local UNARY_PRIORITY = 8

function Parser:peek()
    return self.tokens[self.at]
end

function Parser:next()
    local token = self.tokens[self.at]
    self.at = self.at + 1
    return token
end

function Parser:accept(kind)
    if self:peek().kind == kind then
        return self:next()
    end
end

function Parser:expect(kind)
    local token = self:next()
    if token.kind ~= kind then
        error(("line %d: expected %s, got %s"):format(token.line, kind, token.kind), 0)
    end
    return token
end

-- --- scopes

function Parser:open_scope()
    self.scope = { outer = self.scope, vars = {} }
end

function Parser:close_scope()
    self.scope = self.scope.outer
end

function Parser:declare(name, line, value)
    local var = { name = name, line = line, value = value }
    self.scope.vars[name] = var
    return var
end

function Parser:resolve(name, line)
    local scope = self.scope
    while scope do
        local var = scope.vars[name]
        if var then
            return { kind = "local", var = var, line = line }
        end
        scope = scope.outer
    end
    return { kind = "global", name = name, line = line }
end

-- --- expressions

function Parser:expressions()
    local list = { self:expression(0) }
    while self:accept(",") do
        list[#list + 1] = self:expression(0)
    end
    return list
end

function Parser:table_constructor(line)
    local items = {}
    while not self:accept("}") do
        local item
        if self:accept("[") then
            local key = self:expression(0)
            self:expect("]")
            self:expect("=")
            item = { key = key, value = self:expression(0) }
        elseif self:peek().kind == "name" and self.tokens[self.at + 1].kind == "=" then
            local name = self:next()
            self:next()
            item = { key = { kind = "string", value = name.value, line = name.line }, value = self:expression(0) }
        else
            item = { value = self:expression(0) }
        end
        items[#items + 1] = item
        if not (self:accept(",") or self:accept(";")) then
            self:expect("}")
            break
        end
    end
    return { kind = "table", items = items, line = line }
end

function Parser:function_body(line, with_self)
    self:open_scope()
    local params = {}
    if with_self then
        params[1] = self:declare("self", line)
    end
    self:expect("(")
    while not self:accept(")") do
        local token = self:next()
        if token.kind == "name" then
            params[#params + 1] = self:declare(token.value, token.line)
        end
    end
    local body = self:block()
    self:expect("end")
    self:close_scope()
    return { kind = "function", params = params, body = body, line = line }
end

function Parser:arguments()
    local token = self:next()
    if token.kind == "string" then
        return { { kind = "string", value = token.value, line = token.line } }
    elseif token.kind == "{" then
        return { self:table_constructor(token.line) }
    end
    if self:accept(")") then
        return {}
    end
    local args = self:expressions()
    self:expect(")")
    return args
end

local CALLS = { ["("] = true, string = true, ["{"] = true }

function Parser:suffixed()
    local token = self:next()
    local left
    if token.kind == "(" then
        left = self:expression(0)
        self:expect(")")
    elseif token.kind == "name" then
        left = self:resolve(token.value, token.line)
    else
        error(("line %d: unexpected %s"):format(token.line, token.kind), 0)
    end
    while true do
        local kind, line = self:peek().kind, self:peek().line
        if kind == "." then
            self:next()
            local name = self:expect("name")
            left = { kind = "index", object = left, key = { kind = "string", value = name.value, line = name.line },
                line = name.line }
        elseif kind == "[" then
            self:next()
            left = { kind = "index", object = left, key = self:expression(0), line = line }
            self:expect("]")
        elseif kind == ":" then
            self:next()
            local name = self:expect("name").value
            left = { kind = "method", object = left, name = name, args = self:arguments(), line = line }
        elseif CALLS[kind] then
            left = { kind = "call", callee = left, args = self:arguments(), line = line }
        else
            return left
        end
    end
end

local SIMPLE = { ["nil"] = "nil", ["true"] = "true", ["false"] = "false", ["..."] = "vararg", number = "number" }

function Parser:simple()
    local token = self:peek()
    if SIMPLE[token.kind] then
        self:next()
        return { kind = SIMPLE[token.kind], line = token.line }
    elseif token.kind == "string" then
        self:next()
        return { kind = "string", value = token.value, line = token.line }
    elseif token.kind == "{" then
        self:next()
        return self:table_constructor(token.line)
    elseif token.kind == "function" then
        self:next()
        return self:function_body(token.line)
    end
    return self:suffixed()
end

function Parser:expression(limit)
    local token = self:peek()
    local left
    if token.kind == "not" or token.kind == "-" or token.kind == "#" then
        self:next()
        left = { kind = "unary", operator = token.kind, right = self:expression(UNARY_PRIORITY), line = token.line }
    else
        left = self:simple()
    end
    while true do
        local operator = self:peek()
        local priority = BINARY[operator.kind]
        if not priority or priority[1] <= limit then
            return left
        end
        self:next()
        left = { kind = "binary", operator = operator.kind, left = left, right = self:expression(priority[2]),
            line = operator.line }
    end
end

-- --- statements

function Parser:scoped_block()
    self:open_scope()
    local body = self:block()
    self:close_scope()
    return body
end

local STATEMENTS = {}

STATEMENTS["if"] = function(self, line)
    local clauses = {}
    repeat
        local condition = self:expression(0)
        self:expect("then")
        clauses[#clauses + 1] = { condition = condition, body = self:scoped_block() }
    until not self:accept("elseif")
    if self:accept("else") then
        clauses[#clauses + 1] = { body = self:scoped_block() }
    end
    self:expect("end")
    return { kind = "if", clauses = clauses, line = line }
end

STATEMENTS["while"] = function(self, line)
    local condition = self:expression(0)
    self:expect("do")
    local body = self:scoped_block()
    self:expect("end")
    return { kind = "while", condition = condition, body = body, line = line }
end

STATEMENTS["do"] = function(self, line)
    local body = self:scoped_block()
    self:expect("end")
    return { kind = "block", body = body, line = line }
end

STATEMENTS["repeat"] = function(self, line)
    self:open_scope()
    local body = self:block()
    self:expect("until")
    local condition = self:expression(0)
    self:close_scope()
    return { kind = "repeat", condition = condition, body = body, line = line }
end

STATEMENTS["for"] = function(self, line)
    local names = { self:expect("name") }
    while self:accept(",") do
        names[#names + 1] = self:expect("name")
    end
    self:next() -- "=" or "in"
    local values = self:expressions()
    self:expect("do")
    self:open_scope()
    local vars = {}
    for i, name in ipairs(names) do
        vars[i] = self:declare(name.value, name.line)
    end
    local body = self:block()
    self:close_scope()
    self:expect("end")
    return { kind = "for", vars = vars, values = values, body = body, line = line }
end

STATEMENTS["function"] = function(self, line)
    local name = self:expect("name")
    local target = self:resolve(name.value, name.line)
    local with_self = false
    while true do
        local separator = self:accept(".") or self:accept(":")
        if not separator then
            break
        end
        local key = self:expect("name")
        with_self = separator.kind == ":"
        target = { kind = "index", object = target, key = { kind = "string", value = key.value, line = key.line },
            line = key.line }
    end
    if target.kind == "local" then
        target.var.is_changed = true
    end
    local value = self:function_body(line, with_self)
    return { kind = "assign", targets = { target }, values = { value }, line = line }
end

STATEMENTS["local"] = function(self, line)
    if self:accept("function") then
        local name = self:expect("name")
        local var = self:declare(name.value, name.line)
        var.value = self:function_body(line)
        return { kind = "local", vars = { var }, values = { var.value }, line = line }
    end
    local names = {}
    repeat
        names[#names + 1] = self:expect("name")
        if self:accept("<") then -- of later versions
            self:next()
            self:expect(">")
        end
    until not self:accept(",")
    local values = self:accept("=") and self:expressions() or {}
    local vars = {}
    for i, name in ipairs(names) do
        vars[i] = self:declare(name.value, name.line, values[i])
    end
    return { kind = "local", vars = vars, values = values, line = line }
end

STATEMENTS["return"] = function(self, line)
    local kind = self:peek().kind
    local ends = kind == "end" or kind == "eof" or kind == "else" or kind == "elseif" or kind == "until" or kind == ";"
    return { kind = "return", values = ends and {} or self:expressions(), line = line }
end

STATEMENTS["goto"] = function(self, line)
    self:next()
    return { kind = "other", line = line }
end

STATEMENTS["break"] = function(_, line)
    return { kind = "other", line = line }
end

STATEMENTS["::"] = function(self, line)
    self:next()
    self:expect("::")
    return { kind = "other", line = line }
end

function Parser:statement()
    local token = self:peek()
    -- goto is a name as well
    local is_word = token.kind ~= "goto" or self.tokens[self.at + 1].kind == "name"
    if STATEMENTS[token.kind] and is_word then
        self:next()
        return STATEMENTS[token.kind](self, token.line)
    end
    if token.kind == "goto" then
        token.kind = "name"
    end
    local left = self:suffixed()
    if self:peek().kind ~= "=" and self:peek().kind ~= "," then
        return { kind = "call", call = left, line = left.line }
    end
    local targets = { left }
    while self:accept(",") do
        targets[#targets + 1] = self:suffixed()
    end
    self:expect("=")
    local values = self:expressions()
    for _, target in ipairs(targets) do
        if target.kind == "local" then
            target.var.is_changed = true
        end
    end
    return { kind = "assign", targets = targets, values = values, line = token.line }
end

local BLOCK_ENDS = { ["end"] = true, eof = true, ["else"] = true, ["elseif"] = true, ["until"] = true }

function Parser:block()
    local body = {}
    while not BLOCK_ENDS[self:peek().kind] do
        if not self:accept(";") then
            body[#body + 1] = self:statement()
        end
    end
    return body
end

-- The statements of a chunk. Raises where the text is none.
return function(text)
    local parser = setmetatable({ tokens = lex(text), at = 1 }, Parser)
    parser:open_scope()
    local body = parser:block()
    parser:expect("eof")
    return body
end

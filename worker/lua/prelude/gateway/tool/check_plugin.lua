-- Of `apisix lua check`: what makes a file a plugin, whether it is in its place and loads, and which APIs its
-- hooks must not call.
local host = require("gateway.host")
local known = require("gateway.tool.known")
local phases = require("gateway.tool.phases")
local walk = require("gateway.tool.walk")
local package, ipairs, pairs = package, ipairs, pairs

local M = {}

-- Hooks, and where they run. What may do everything is not listed.
local HOOKS = {
    header_filter = "header_filter", body_filter = "body_filter", delayed_body_filter = "body_filter", log = "log",
    init = "init", destroy = "init", check_schema = "init",
}
local MAY_WAIT = { rewrite = true, access = true, before_proxy = true }

-- The local variable that the file returns; nil: something else.
local function returned(tree)
    local last = tree[#tree]
    local value = last and last.kind == "return" and last.values[1]
    if not value then
        return nil
    end
    return value.kind == "local" and value.var or nil, value.kind == "table" and value or nil
end

-- What the module's table has: name = {value, line}.
local function members_of(tree)
    local var, constructor = returned(tree)
    local members = {}
    if var and var.value and var.value.kind == "table" then
        constructor = var.value
    end
    for _, item in ipairs(constructor and constructor.items or {}) do
        if item.key and item.key.kind == "string" then
            members[item.key.value] = { value = item.value, line = item.key.line }
        end
    end
    if var then
        walk.statements(tree, function(statement)
            for i, target in ipairs(statement.targets or {}) do
                if target.kind == "index" and target.object.kind == "local" and target.object.var == var
                    and target.key.kind == "string" then
                    members[target.key.value] = { value = statement.values[i], line = target.line }
                end
            end
        end)
    end
    return members, var, constructor
end

-- The plugin of the file when it is looked for in `path`; nil: it would not be found.
local function plugin_name(file, path)
    for template in path:gmatch("[^;]+") do
        local pattern = "^" .. template:gsub("[%-%.%+%[%]%(%)%$%^%%%*]", "%%%0"):gsub("%?", "(.-)") .. "$"
        local name = template:find("?", 1, true) and file:match(pattern)
        name = name and name:gsub("/", "."):match("^apisix%.plugins%.([^%.]+)$")
        if name then
            return name
        end
    end
end

-- Where the traceback's first line of this file is.
local function place_in(text, path)
    local name = path:match("[^/]+$"):gsub("[%-%.%+]", "%%%0")
    return text:match(name .. ":(%d+):")
end

local function check_fields(members, add)
    local required = { "version", "priority", "schema" }
    for _, name in ipairs(required) do
        if not members[name] then
            add("error", "missing-field", nil, ("the plugin has no %s"):format(name),
                "a gateway does not load it: _M." .. name .. " = ...")
        end
    end
    if not members.name then
        add("warning", "missing-field", nil, "the plugin has no name", "APISIX's tools expect _M.name = \"...\"")
    end
    if not members.check_schema then
        add("warning", "missing-field", nil, "the plugin has no check_schema: any configuration is accepted",
            "function _M.check_schema(conf) return core.schema.check(schema, conf) end")
    end
    local has_hook = false
    for name in pairs(members) do
        has_hook = has_hook or MAY_WAIT[name] or (HOOKS[name] and name ~= "check_schema" and name ~= "destroy")
            or name == "api" or name == "control_api" or name == "preread"
    end
    if not has_hook then
        add("warning", "no-hook", nil, "the plugin has no hook: it does nothing",
            "hooks are rewrite, access, before_proxy, header_filter, body_filter, log")
    end
end

local function check_place(path, members, context, add)
    local file = host.real_path(path)
    local name = plugin_name(file, package.path)
    if not name then
        local stem = file:match("([^/]+)%.lua$")
        add("error", "wrong-path", nil, "a plugin in this place is not found",
            ("put it at DIR/apisix/plugins/%s.lua, and name DIR/?.lua in apisix.extra_lua_path"):format(stem))
        return nil
    end
    local said = members.name and members.name.value
    if said and said.kind == "local" and not said.var.is_changed then
        said = said.var.value
    end
    if said and said.kind == "string" and said.value ~= name then
        add("warning", "other-name", members.name.line, ("its name is %q, its file's %q"):format(said.value, name),
            "the file's name is the one that counts in `plugins` and in routes")
    end
    if context.has_config then
        if not plugin_name(file, context.configured_path) then
            add("info", "not-in-path", nil, "apisix.extra_lua_path of config.yaml does not reach it",
                ("add %s/?.lua"):format(file:match("^(.*)/apisix/plugins/[^/]+$")))
        end
        local is_enabled = false
        for _, enabled in ipairs(context.configured_plugins) do
            is_enabled = is_enabled or enabled == name
        end
        if not is_enabled then
            add("info", "not-enabled", nil, "it is not in `plugins` of config.yaml", "add " .. name)
        end
    end
    return name
end

-- --- APIs in hooks

local CALLERS = { pcall = true, xpcall = true }

local function check_hook(name, hook, members, var, Known, add)
    local phase = HOOKS[name]
    local reported, entered = {}, {}
    local follow

    local function callee_of(node)
        if node.kind == "local" and not node.var.is_changed and node.var.value and node.var.value.kind == "function" then
            return node.var.value
        end
        local is_member = node.kind == "index" and node.object.kind == "local" and node.object.var == var
            and node.key.kind == "string" and members[node.key.value]
        return is_member and is_member.value and is_member.value.kind == "function" and is_member.value or nil
    end

    local function visit(node)
        if node.kind == "function" then
            return true -- it may be called later, elsewhere
        end
        if node.kind ~= "call" then
            return false
        end
        local it = Known.of(node.callee)
        local kind = it and phases.of(it.value)
        if kind and phases.is_disabled(kind, phase) and not reported[node] then
            reported[node] = true
            add("error", "disabled-api", node.line, ("%s is disabled in %s"):format(it.path, name),
                phases.hint(kind))
        end
        if it and CALLERS[it.path] and node.args[1] then
            local called = node.args[1].kind == "function" and node.args[1] or callee_of(node.args[1])
            follow(called)
        end
        follow(node.callee.kind == "function" and node.callee or callee_of(node.callee))
        return false
    end

    function follow(called)
        if called and not entered[called] then
            entered[called] = true
            walk.block(called.body, visit)
        end
    end
    follow(hook)
end

function M.check(path, tree, context, add)
    local members, var, constructor = members_of(tree)
    local is_plugin = (members.priority or members.check_schema) and (members.schema or members.version)
        and not path:find("_spec%.lua$") and not path:find("_test%.lua$")
    local is_below = host.real_path(path):find("/apisix/plugins/[^/]+/.") ~= nil -- a part of one, unless it is its init.lua
    local is_in_place = not is_below and host.real_path(path):find("/apisix/plugins/") ~= nil
    if is_below and not (members.priority and plugin_name(host.real_path(path), package.path)) then
        return
    end
    if not is_plugin and not is_in_place then
        return
    end
    if constructor then
        check_fields(members, add)
    end
    local name = check_place(path, members, context, add)
    if name then
        package.loaded["apisix.plugins." .. name] = nil -- what failed once says less the second time
        local ok, err = host.check_plugin(name)
        if not ok then
            add("error", "not-loaded", place_in(err, path), (err:gsub("\n.*", "")))
        end
    end
    local Known = known.in_file({})
    for hook in pairs(HOOKS) do
        local member = members[hook]
        local value = member and member.value
        if value and value.kind == "local" and not value.var.is_changed then
            value = value.var.value
        end
        if value and value.kind == "function" then
            check_hook(hook, value, members, var, Known, add)
        end
    end
end

return M

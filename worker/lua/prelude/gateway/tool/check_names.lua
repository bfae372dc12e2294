-- Of `apisix lua check`: names that are not there (globals, ngx.*, modules of the gateway, shared dictionaries,
-- modules that require() cannot find), names that should be local, and calls that block the worker.
local api = require("gateway.tool.api")
local known = require("gateway.tool.known")
local walk = require("gateway.tool.walk")
local pairs, ipairs, type, rawget = pairs, ipairs, type, rawget
local math, table = math, table

local M = {}

-- Of test files and of module().
local ALLOWED = { _G = true, _VERSION = true, arg = true }
for name in ([[describe context it pending before_each after_each setup teardown lazy_setup lazy_teardown before_all
        after_all finally spy stub mock match gateway inspect insulate expose]]):gmatch("%S+") do
    ALLOWED[name] = true
end

-- How many letters have to be changed, at most three.
local function distance(a, b)
    if math.abs(#a - #b) > 2 then
        return 3
    end
    local row = {}
    for j = 0, #b do
        row[j] = j
    end
    for i = 1, #a do
        local diagonal = row[0]
        row[0] = i
        for j = 1, #b do
            local cost = a:byte(i) == b:byte(j) and 0 or 1
            diagonal, row[j] = row[j], math.min(row[j] + 1, row[j - 1] + 1, diagonal + cost)
        end
    end
    return row[#b]
end

local function nearest(name, candidates)
    local best, best_distance = nil, 3
    for candidate in pairs(candidates) do
        if type(candidate) == "string" then
            local apart = distance(name:lower(), candidate:lower())
            if apart < best_distance or (apart == best_distance and best and candidate < best) then
                best, best_distance = candidate, apart
            end
        end
    end
    return best_distance < math.max(2, math.min(3, #name / 2)) and best or nil
end

local function meant(name, candidates, prefix)
    local best = nearest(name, candidates)
    return best and ("did you mean %s%s?"):format(prefix, best) or nil
end

-- Global names that the tree sets, and whether it is an old-style module, whose globals are its members.
local function globals_of(tree)
    local set, is_module = {}, false
    walk.block(tree, function(node)
        if node.kind == "write" then
            set[node.name] = set[node.name] or node.line
        elseif node.kind == "call" and node.callee.kind == "global"
            and (node.callee.name == "module" or node.callee.name == "setfenv") then
            is_module = true
        end
    end)
    return set, is_module
end

-- "ngx.foo = ..." makes the name.
local function written_of(tree, Known)
    local written = {}
    local function note(target)
        if target.kind == "index" and target.key.kind == "string" then
            local base = Known.of(target.object)
            if base then
                written[base.path .. "." .. target.key.value] = true
            end
        end
    end
    local function statements(body)
        walk.statements(body, function(statement)
            for _, target in ipairs(statement.targets or {}) do
                note(target)
            end
        end)
    end
    statements(tree)
    walk.block(tree, function(node)
        if node.kind == "function" then
            statements(node.body)
        end
    end)
    return written
end

local BLOCKING = { ["os.execute"] = "resty.shell or a request to another service", ["io.popen"] = "a request to another service" }

local BLOCKING_MODULES = { socket = true, ["socket.core"] = true, ["socket.http"] = true, ["ssl.https"] = true }

local function check_member(node, it, is_test, written, add)
    if it.exists or is_test or not (it.base and it.base.is_api) or written[it.path] then
        return
    end
    local name = node.key.value
    if it.base.path == "ngx.shared" then
        return add("warning", "unknown-dictionary", node.line, ("there is no shared dictionary %q"):format(name),
            ("name it in nginx_config.http.custom_lua_shared_dict of config.yaml: %s: 10m"):format(name))
    end
    local candidates = {}
    for other in pairs(it.base.value) do
        candidates[other] = true
    end
    for path in pairs(api) do -- what a table makes when it is first asked for
        local other = path:sub(1, #it.base.path) == it.base.path and path:sub(#it.base.path + 1):match("^[%.:]([%w_]+)$")
        candidates[other or name] = other and true or nil
    end
    add("error", "unknown-name", node.line, ("%s is not there"):format(it.path), meant(name, candidates, it.base.path .. "."))
end

local function check_require(node, add)
    local name = node.args[1].value
    local found, paths = known.find_module(name)
    if found then
        if found == "file" and BLOCKING_MODULES[name] then
            add("warning", "blocking", node.line, ("%s blocks the whole worker while it waits"):format(name),
                "use ngx.socket or resty.http")
        end
        return
    end
    local looked_at = {}
    for file in (paths or ""):gmatch("no file '([^']+)'") do
        if not file:find("^/usr/") then
            looked_at[#looked_at + 1] = file
        end
    end
    looked_at[#looked_at + 1] = "Lua's own places"
    add("error", "module-not-found", node.line, ("module %q is not found"):format(name),
        "looked for in the gateway, at " .. table.concat(looked_at, ", "))
end

local function check_global(node, is_test, is_used, add)
    local name = node.name
    if rawget(_G, name) ~= nil or ALLOWED[name] or is_test then
        return
    end
    add(is_used and "error" or "warning", "unknown-global", node.line, ("global %q is not there"):format(name),
        meant(name, _G, "") or "it is nil: a missing local or require?")
end

function M.check(tree, add)
    local set, is_module = globals_of(tree)
    local Known = known.in_file(set)
    local written = written_of(tree, Known)
    if not is_module then
        local in_order = {}
        for name, line in pairs(set) do
            in_order[#in_order + 1] = { name = name, line = line }
        end
        table.sort(in_order, function(a, b) return a.line < b.line end)
        for _, one in ipairs(in_order) do
            add("warning", "global-set", one.line, ("global %q is set"):format(one.name),
                "all plugins and requests of a worker share it: make it local")
        end
    end
    local used = {}
    walk.block(tree, function(node, is_test)
        if node.kind == "call" then
            used[node.callee] = true
            if known.is_require(node) then
                check_require(node, add)
            end
            local it = Known.of(node.callee)
            if it and BLOCKING[it.path] then
                add("warning", "blocking", node.line, ("%s blocks the whole worker"):format(it.path),
                    "all requests of the worker wait meanwhile; use " .. BLOCKING[it.path])
            end
        elseif node.kind == "index" or node.kind == "method" then
            used[node.object] = true
        end
        if node.kind == "index" and node.key.kind == "string" then
            local it = Known.of(node)
            if it then
                check_member(node, it, is_test, written, add)
            end
        elseif node.kind == "global" and not set[node.name] and not is_module then
            check_global(node, is_test, used[node], add)
        end
    end)
end

return M

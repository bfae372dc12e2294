-- What an expression is, as far as that is known without running it: a value of the API of this very gateway,
-- reached by constant names. `Known.of(node)` gives {value, path, is_api, exists}; nil: unknown.
local package, require, pcall, type, rawget = package, require, pcall, type, rawget
local ipairs, setmetatable = ipairs, setmetatable
local preload = package.preload

local M = {}

-- Tables whose names are all there is: a name that is not in them is a mistake.
local CLOSED = { ngx = true, string = true, table = true, math = true, io = true, os = true, coroutine = true,
    debug = true, bit = true, jit = true }

-- Files of the user that may have been loaded as modules are not looked into: require() would run them.
local function find_in_paths(name)
    local file = package.searchpath(name, package.path)
    return file or package.searchpath(name, package.cpath)
end

local function has_standin(name)
    for _, search in ipairs(package.loaders) do
        if search ~= package.loaders[2] and search ~= package.loaders[3] and search ~= package.loaders[4] then
            local found = search(name)
            if type(found) == "function" then
                return true
            end
        end
    end
    return false
end

-- "gateway": a module of this gateway; "file": of the paths; nil: there is none, and where it was looked for.
function M.find_module(name)
    if preload[name] or CLOSED[name] or name == "ffi" then
        return "gateway"
    end
    local file = find_in_paths(name)
    if file then
        return "file", file
    end
    if has_standin(name) then
        return "gateway"
    end
    local _, paths = package.searchpath(name, package.path)
    return nil, paths
end

local modules = {}

local function module_value(name)
    if modules[name] == nil then
        modules[name] = false
        if M.find_module(name) == "gateway" then
            local ok, value = pcall(require, name)
            if ok then
                modules[name] = { value = value, path = name, is_api = true, exists = true }
            end
        end
    end
    return modules[name] or nil
end

local function is_require(node)
    return node.kind == "call" and node.callee.kind == "global" and node.callee.name == "require"
        and node.args[1] and node.args[1].kind == "string"
end
M.is_require = is_require

-- `globals`: what the tree itself makes global.
function M.in_file(globals)
    local Known = {}

    local function member(base, name)
        if type(base.value) ~= "table" then
            return nil
        end
        -- ngx.header and the like ask for a request: there is no telling what they have
        local ok, value = pcall(function() return base.value[name] end)
        if not ok then
            return nil
        end
        return { value = value, path = base.path .. "." .. name, is_api = base.is_api, exists = value ~= nil, base = base }
    end

    local function of(node)
        if node.kind == "global" then
            if globals[node.name] then
                return nil
            end
            local value = rawget(_G, node.name)
            return value ~= nil and { value = value, path = node.name, is_api = CLOSED[node.name], exists = true } or nil
        elseif node.kind == "local" then
            local var = node.var
            return not var.is_changed and var.value and Known.of(var.value) or nil
        elseif node.kind == "index" then
            local base = node.key.kind == "string" and Known.of(node.object)
            return base and base.exists and member(base, node.key.value) or nil
        elseif is_require(node) then
            return module_value(node.args[1].value)
        end
    end

    local seen = setmetatable({}, { __mode = "k" })
    function Known.of(node)
        if seen[node] == nil then
            seen[node] = false
            seen[node] = of(node) or false
        end
        return seen[node] or nil
    end
    return Known
end

return M

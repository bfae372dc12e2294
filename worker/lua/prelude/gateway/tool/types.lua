-- apisix lua types: LuaCATS annotations for lua-language-server, made of the API as it is in this very state: every
-- name is there; signatures come from gateway.tool.api, for functions in Lua from themselves.
local api = require("gateway.tool.api")
local files = require("gateway.tool.files")
local package, require, pcall, pairs, ipairs, type = package, require, pcall, pairs, ipairs, type
local debug, table, io, tostring = debug, table, io, tostring

local M = {}

local WORDS = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then true
        until while]]):gmatch("%a+") do
    WORDS[word] = true
end

local function is_name(name)
    return type(name) == "string" and name:find("^[%a_][%w_]*$") ~= nil and not WORDS[name]
end

local function sorted_names(values)
    local names = {}
    for name in pairs(values) do
        if is_name(name) then
            names[#names + 1] = name
        end
    end
    table.sort(names)
    return names
end

-- "a: string, b?: table<string, string>, ...: any", split at commas outside of brackets.
local function split(text)
    local parts, depth, from = {}, 0, 1
    for at = 1, #text do
        local c = text:sub(at, at)
        if c == "<" or c == "(" then
            depth = depth + 1
        elseif c == ">" or c == ")" then
            depth = depth - 1
        elseif c == "," and depth == 0 then
            parts[#parts + 1] = text:sub(from, at - 1)
            from = at + 1
        end
    end
    parts[#parts + 1] = text:sub(from)
    for i, part in ipairs(parts) do
        parts[i] = part:match("^%s*(.-)%s*$")
    end
    return parts
end

local function described(entry, out)
    local params = {}
    if entry.about then
        out[#out + 1] = "--- " .. entry.about
    end
    for _, param in ipairs(entry.params ~= "" and split(entry.params) or {}) do
        local name, mark, kind = param:match("^([%w_%.]+)(%??): (.*)$")
        out[#out + 1] = ("---@param %s%s %s"):format(name, mark, kind)
        params[#params + 1] = name
    end
    for _, result in ipairs(entry.returns and split(entry.returns) or {}) do
        out[#out + 1] = "---@return " .. result
    end
    return params
end

-- What the function itself knows: the names of its parameters, when it is written in Lua.
local function read_from(value, out)
    local info = debug.getinfo(value, "Su")
    local params = {}
    if info.what == "C" then
        params[1] = "..."
    else
        local at = 1
        while true do
            local name = debug.getlocal(value, at)
            if not name then
                break
            end
            params[at] = is_name(name) and name or "_" .. at
            at = at + 1
        end
        if info.isvararg then
            params[#params + 1] = "..."
        end
    end
    for _, name in ipairs(params) do
        out[#out + 1] = name ~= "self" and ("---@param %s any"):format(name) or nil
    end
    out[#out + 1] = "---@return any ..."
    return params
end

local function write_function(target, path, value, out)
    out[#out + 1] = ""
    local entry = api[path]
    local params = entry and described(entry, out) or read_from(value, out)
    if params[1] == "self" then
        table.remove(params, 1)
        target = target:gsub("%.([%w_]+)$", ":%1")
    end
    out[#out + 1] = ("function %s(%s) end"):format(target, table.concat(params, ", "))
end

local MEMBERS_MAX_DEPTH = 3

-- With those that a table makes when they are first asked for.
local function member_names(values, prefix)
    local all = {}
    for name in pairs(values) do
        all[name] = true
    end
    for path in pairs(api) do
        local name = path:sub(1, #prefix) == prefix and path:sub(#prefix + 1) or ""
        all[name] = is_name(name) or nil
    end
    return sorted_names(all)
end

-- `path`: of the API table; `joint`: what is between it and a member.
local function write_members(target, path, joint, values, out, seen, depth)
    for _, name in ipairs(member_names(values, path .. joint)) do
        local ok, value = pcall(function() return values[name] end)
        local kind = ok and type(value) or "nil"
        local at = target .. "." .. name
        if kind == "function" then
            write_function(at, path .. joint .. name, value, out)
        elseif kind == "number" or kind == "string" or kind == "boolean" then
            out[#out + 1] = kind == "string" and ("%s = %q"):format(at, value) or at .. " = " .. tostring(value)
        elseif kind == "table" and not seen[value] and depth < MEMBERS_MAX_DEPTH then
            seen[value] = true
            out[#out + 1] = ""
            out[#out + 1] = at .. " = {}"
            write_members(at, path .. joint .. name, ".", value, out, seen, depth + 1)
        elseif kind ~= "nil" then
            out[#out + 1] = ("---@type %s"):format(kind == "userdata" and "lightuserdata" or kind)
            out[#out + 1] = at .. " = nil"
        end
    end
end

-- What is only there during a request, and has no names of its own.
local NGX = [[
---@class ngx.tcpsock
local tcpsock = {}
---@param host string
---@param port? integer|table
---@param options? table
---@return integer? ok
---@return string? err
function tcpsock:connect(host, port, options) end
---@param data string|string[]
---@return integer? bytes
---@return string? err
function tcpsock:send(data) end
---@param pattern? string|integer "*l", "*a" or a count of bytes
---@return string? data
---@return string? err
---@return string? partial
function tcpsock:receive(pattern) end
---@param max integer
---@return string? data
---@return string? err
function tcpsock:receiveany(max) end
---@param pattern string
---@param options? table
---@return fun(size?: integer): string?, string?, string?
function tcpsock:receiveuntil(pattern, options) end
---@param session? any
---@param server_name? string
---@param verify? boolean
---@return any ok
---@return string? err
function tcpsock:sslhandshake(session, server_name, verify) end
---@param timeout? integer milliseconds
---@param size? integer
---@return integer? ok
---@return string? err
function tcpsock:setkeepalive(timeout, size) end
---@param ms integer
function tcpsock:settimeout(ms) end
---@param connect integer
---@param send integer
---@param read integer
function tcpsock:settimeouts(connect, send, read) end
---@return integer? times
function tcpsock:getreusedtimes() end
---@return integer? ok
---@return string? err
function tcpsock:close() end

---@class ngx.udpsock
local udpsock = {}
function udpsock:setpeername(host, port) end
function udpsock:send(data) end
function udpsock:receive(size) end
function udpsock:settimeout(ms) end
function udpsock:close() end

---@class ngx.dictionary
local dictionary = {}
function dictionary:get(key) end
function dictionary:get_stale(key) end
function dictionary:set(key, value, exptime, flags) end
function dictionary:safe_set(key, value, exptime, flags) end
function dictionary:add(key, value, exptime, flags) end
function dictionary:safe_add(key, value, exptime, flags) end
function dictionary:replace(key, value, exptime, flags) end
function dictionary:delete(key) end
function dictionary:incr(key, value, init, init_ttl) end
function dictionary:lpush(key, value) end
function dictionary:rpush(key, value) end
function dictionary:lpop(key) end
function dictionary:rpop(key) end
function dictionary:llen(key) end
function dictionary:ttl(key) end
function dictionary:expire(key, exptime) end
function dictionary:flush_all() end
function dictionary:flush_expired(max) end
function dictionary:get_keys(max) end
function dictionary:capacity() end
function dictionary:free_space() end

---@type table<string, any> variables of the request
ngx.var = {}
---@type table<string, string|number|string[]|nil> headers of the response
ngx.header = {}
---@type table<string, any> lives as long as the request; ngx.ctx.api_ctx is `ctx` of hooks
ngx.ctx = {}
---@type { [1]: string?, [2]: boolean? } in body_filter: the piece, and whether it is the last
ngx.arg = {}
---@type integer
ngx.status = 0
---@type boolean
ngx.headers_sent = false
---@type table<string, ngx.dictionary>
ngx.shared = {}
]]

local SKIPPED = { var = true, header = true, ctx = true, arg = true, status = true, headers_sent = true, shared = true }

local HEAD = "---@meta %s\n-- Written by `apisix lua types`: the API of this gateway. Not to be run.\n\n"

local function ngx_file()
    local out = { HEAD:format("ngx"), "---@class ngx", "ngx = {}" }
    local own = {}
    for name, value in pairs(ngx) do
        own[name] = not SKIPPED[name] and value or nil
    end
    write_members("ngx", "ngx", ".", own, out, {}, 1)
    out[#out + 1] = ""
    out[#out + 1] = NGX
    return table.concat(out, "\n")
end

local function module_file(name, value)
    local class = name:gsub("[^%w_%.]", "_")
    local out = { HEAD:format(name), "---@class " .. class, "local M = {}" }
    if name == "apisix.core" then
        -- its parts load when they are first used
        local parts = {}
        for module in pairs(package.preload) do
            local part = module:match("^apisix%.core%.([%w_]+)$")
            parts[part or ""] = part and value[part] ~= nil or nil
        end
        for _, part in ipairs(sorted_names(parts)) do
            out[#out + 1] = ("---@type apisix.core.%s\nM.%s = nil"):format(part, part)
        end
    end
    write_members("M", name, ":", value, out, { [value] = true }, 1)
    out[#out + 1] = "\nreturn M\n"
    return table.concat(out, "\n")
end

local function modules()
    local names = {}
    for name in pairs(package.preload) do
        if not name:find("^gateway%.") and not name:find("^resty%.core") then
            names[#names + 1] = name
        end
    end
    for _, name in ipairs(require("gateway.host").standins()) do
        names[#names + 1] = name
    end
    table.sort(names)
    return names
end

-- args.paths[1]: the folder.
function M.run(args)
    local folder = args.paths[1]
    local count = 1
    local ok, err = files.write(folder .. "/ngx.lua", ngx_file())
    for _, name in ipairs(ok and modules() or {}) do
        local loads, value = pcall(require, name)
        if loads and type(value) == "table" then
            ok, err = files.write(folder .. "/" .. name:gsub("%.", "/") .. ".lua", module_file(name, value))
            if not ok then
                break
            end
            count = count + 1
        end
    end
    if not ok then
        io.stderr:write("apisix: ", err, "\n")
        return false
    end
    io.write(("%s: %d files\n"):format(folder, count))
    return true
end

return M

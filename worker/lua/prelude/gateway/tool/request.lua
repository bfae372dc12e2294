-- `gateway` of tests and of the repl: requests through the engine in this process, as a client sends them.
--
--   local r = gateway.request{uri = "/a?b=1", headers = {["X-Id"] = "7"}, plugins = {["my-plugin"] = {limit = 3}},
--                             upstream = function(req) return {status = 200, body = "from " .. req.uri} end}
--   r.status, r.headers["x-id"], r.body, r.json(), r.log, r.upstream (what the upstream got, nil: nothing)
local host = require("gateway.host")
local json = require("cjson.safe").new()
local upstream = require("gateway.tool.upstream")
local type, tostring, tonumber, error, pairs, ipairs, select = type, tostring, tonumber, error, pairs, ipairs, select
local table, io = table, io

local M = {}
json.encode_empty_table_as_object(true)

local TIMEOUT_MS = 10000
local in_force = {}
local kept = {} -- of error.log, since forget_log()

function M.print(...)
    local texts = {}
    for i = 1, select("#", ...) do
        texts[i] = tostring((select(i, ...)))
    end
    io.write(table.concat(texts, "\t"), "\n")
end

-- A request to the Admin API: status, and its body as a table.
function M.admin(method, path, body)
    local status, text = host.admin(method, path, body ~= nil and (type(body) == "string" and body or json.encode(body)) or "")
    return status, json.decode(text) or text
end

-- Puts an object in force; what the Admin API refuses is an error.
function M.put(path, object)
    local text = json.encode(object)
    if in_force[path] == text then
        return
    end
    local status, body = M.admin("PUT", path, text)
    if status >= 300 then
        error("PUT " .. path .. ": " .. status .. " " .. (type(body) == "table" and body.error_msg or tostring(body)), 2)
    end
    in_force[path] = text
end

function M.delete(path)
    in_force[path] = nil
    return M.admin("DELETE", path)
end

local function write_request(options)
    local body = options.body
    local headers = {}
    for name, value in pairs(options.headers or {}) do
        headers[#headers + 1] = { name, value }
    end
    table.sort(headers, function(a, b) return a[1] < b[1] end)
    local has = {}
    for _, header in ipairs(headers) do
        has[header[1]:lower()] = true
    end
    if type(body) == "table" then
        body = json.encode(body)
        if not has["content-type"] then
            headers[#headers + 1] = { "Content-Type", "application/json" }
        end
    end
    if not has.host then
        table.insert(headers, 1, { "Host", options.host or "localhost" })
    end
    if body and not has["content-length"] and not has["transfer-encoding"] then
        headers[#headers + 1] = { "Content-Length", #body }
    end
    if not has.connection then
        headers[#headers + 1] = { "Connection", "close" }
    end
    local method = options.method or (body and "POST" or "GET")
    local lines = { method .. " " .. (options.uri or "/") .. " HTTP/1.1\r\n" }
    for _, header in ipairs(headers) do
        for _, value in ipairs(type(header[2]) == "table" and header[2] or { header[2] }) do
            lines[#lines + 1] = header[1] .. ": " .. tostring(value) .. "\r\n"
        end
    end
    lines[#lines + 1] = "\r\n"
    lines[#lines + 1] = body or ""
    return table.concat(lines), method
end

-- Names in small letters; a header that came more than once is a list.
local function read_headers(head)
    local headers = {}
    for name, value in head:gmatch("\r\n([^:\r\n]+):[ \t]*([^\r\n]*)") do
        name = name:lower()
        local before = headers[name]
        if before == nil then
            headers[name] = value
        elseif type(before) == "table" then
            before[#before + 1] = value
        else
            headers[name] = { before, value }
        end
    end
    return headers
end

local function join_chunks(text)
    local parts, at = {}, 1
    while true do
        local first, last, hex = text:find("^(%x+)[^\r\n]*\r\n", at)
        local bytes = first and tonumber(hex, 16)
        if not bytes then
            return table.concat(parts), false
        end
        if bytes == 0 then
            return table.concat(parts), true
        end
        local part = text:sub(last + 1, last + bytes)
        parts[#parts + 1] = part
        if #part < bytes then
            return table.concat(parts), false
        end
        at = last + bytes + 3
    end
end

local function read_response(text, method)
    local status, head, rest
    repeat -- behind what is informational
        local split = text:find("\r\n\r\n", 1, true)
        if not split then
            return nil, "the gateway closed the connection without a response"
        end
        head, text = text:sub(1, split + 1), text:sub(split + 4)
        status = tonumber(head:match("^HTTP/%d%.%d (%d%d%d)"))
    until not status or status >= 200 or status == 101
    rest = text
    local headers = read_headers(head)
    local is_whole = true
    local length = tonumber(headers["content-length"])
    if headers["transfer-encoding"] == "chunked" then
        rest, is_whole = join_chunks(rest)
    elseif length and method ~= "HEAD" and status ~= 304 then
        is_whole = #rest == length
    end
    return { status = status, headers = headers, body = rest, is_whole = is_whole }
end

local function lines_of(log)
    local lines = {}
    for line in log:gmatch("[^\n]+") do
        lines[#lines + 1] = line:match("^%S+ %S+ (%[%a+%]) [%d#]+: .*$")
            and line:gsub("^%S+ %S+ (%[%a+%]) [%d#]+: ", "%1 "):gsub("\\x0A", "\n"):gsub("\\x09", "\t") or line
    end
    return lines
end

local function take_log()
    local log = host.take_log()
    if log ~= "" then
        kept[#kept + 1] = log
    end
    return log
end

function M.forget_log()
    host.take_log()
    kept = {}
end

function M.kept_log()
    take_log()
    return lines_of(table.concat(kept))
end

-- options: method, uri, host, headers, body (a table is sent as JSON), client_ip, timeout (seconds);
-- plugins, upstream (a response or a function of the request), route (other members of the route object),
-- path (of the object, "/routes/lua-test"). Without plugins, upstream and route what is in force serves.
function M.request(options)
    if options.plugins or options.upstream or options.route then
        local route = { uri = "/*", plugins = options.plugins }
        for name, value in pairs(options.route or {}) do
            route[name] = value
        end
        if route.uris then
            route.uri = nil
        end
        if not (route.upstream or route.upstream_id or route.service_id) then
            route.upstream = { type = "roundrobin", nodes = { ["127.0.0.1:" .. host.upstream_port()] = 1 } }
        end
        M.put(options.path or "/routes/lua-test", route)
    end
    upstream.set(options.upstream)
    take_log()
    local text, method = write_request(options)
    local got, err = host.exchange(text, options.client_ip or "127.0.0.1", (options.timeout or TIMEOUT_MS / 1000) * 1000)
    local response
    if got then
        response, err = read_response(got, method)
    end
    local log = take_log()
    if not response then
        error(err .. (log ~= "" and "\nerror.log:\n" .. log or ""), 2)
    end
    response.log_text = log
    response.log = lines_of(log)
    response.upstream = upstream.requests[1]
    response.upstream_requests = upstream.requests
    response.json = function()
        return json.decode(response.body)
    end
    return response
end

-- A node of upstreams in objects that a test puts itself.
function M.upstream_node()
    return "127.0.0.1:" .. host.upstream_port()
end

-- Deletes what was put.
function M.reset()
    for path in pairs(in_force) do
        M.delete(path)
    end
    in_force = {}
end

return M

-- resty.http: an HTTP/1.1 client on cosockets.
local http_headers = require("resty.http_headers")
local ngx = ngx
local tcp = ngx.socket.tcp
local type, tostring, tonumber, setmetatable, pairs, ipairs, concat, error = type, tostring, tonumber, setmetatable, pairs, ipairs,
    table.concat, error

local M = { _VERSION = "0.17.2", _USER_AGENT = "lua-resty-http/0.17.2 (Lua) ngx_lua/10028" }
local mt = { __index = M }

local PORTS = { http = 80, https = 443 }
-- Their requests may be sent again on a new connection.
local IDEMPOTENT = { GET = true, HEAD = true, PUT = true, DELETE = true, OPTIONS = true }
local WITH_BODY = { POST = true, PUT = true, PATCH = true }

function M.new()
    local sock, err = tcp()
    if not sock then
        return nil, err
    end
    return setmetatable({ sock = sock, keepalive_supported = true, reader_state = { keepalive_ready = false, mark_ready = true } }, mt)
end

function M.debug() end

function M.set_timeout(self, timeout)
    return self.sock:settimeout(timeout)
end

function M.set_timeouts(self, connect, send, read)
    return self.sock:settimeouts(connect, send, read)
end

function M.ssl_handshake(self, ...)
    self.ssl = true
    return self.sock:sslhandshake(...)
end

function M.set_proxy_options(self, opts)
    self.proxy_opts = opts and { http_proxy = opts.http_proxy, https_proxy = opts.https_proxy, no_proxy = opts.no_proxy,
        http_proxy_authorization = opts.http_proxy_authorization, https_proxy_authorization = opts.https_proxy_authorization }
end

function M.get_proxy_uri(self, scheme, host)
    local opts = self.proxy_opts
    if not opts then
        return nil
    end
    for name in (opts.no_proxy or ""):gmatch("[^,%s]+") do
        if name == "*" or host == name or host:sub(-#name - 1) == "." .. name:gsub("^%.", "") then
            return nil
        end
    end
    return opts[scheme .. "_proxy"]
end

-- {scheme, host, port, path, query} as a list; nil, error.
function M.parse_uri(_, uri, query_in_path)
    if query_in_path == nil then
        query_in_path = true
    end
    local scheme, rest = uri:match("^([hH][tT][tT][pP][sS]?)://(.*)$")
    if not scheme then
        rest = uri:match("^//(.*)$")
        if not rest then
            return nil, "bad uri: " .. uri
        end
        scheme = "http"
        if ngx.var and ngx.get_phase() ~= "timer" and ngx.get_phase() ~= "init" then
            scheme = ngx.var.scheme or "http"
        end
    end
    scheme = scheme:lower()
    local authority, behind = rest:match("^([^/?#]*)(.*)$")
    authority = authority:gsub("^[^@]*@", "")
    local host, port = authority:match("^(%[[^%]]+%]):?(%d*)$")
    if not host then
        host, port = authority:match("^([^:]*):?(%d*)$")
    end
    if not host or host == "" then
        return nil, "bad uri: " .. uri
    end
    behind = behind:gsub("#.*$", "")
    local path, query = behind:match("^([^?]*)%??(.*)$")
    if path == "" then
        path = "/"
    end
    if query_in_path and query ~= "" then
        path = path .. "?" .. query
    end
    return { scheme, host, tonumber(port) or PORTS[scheme], path, query }
end

-- --- connecting

local function connect_by_options(self, opts)
    local host, port, scheme = opts.host, opts.port, opts.scheme
    if scheme and not port then
        port = PORTS[scheme]
    end
    local is_unix = host:sub(1, 5) == "unix:"
    local pool = opts.pool
    if not pool and scheme == "https" then
        pool = concat({ scheme, host, tostring(port), tostring(opts.ssl_verify), tostring(opts.ssl_server_name or "") }, ":")
    end
    local connect_host, connect_port = host, port
    local proxy = (opts.proxy_opts and M.get_proxy_uri({ proxy_opts = opts.proxy_opts }, scheme or "http", host))
        or M.get_proxy_uri(self, scheme or "http", host)
    if proxy then
        local parsed, err = M.parse_uri(self, proxy, false)
        if not parsed then
            return nil, "error parsing proxy uri: " .. err
        end
        connect_host, connect_port = parsed[2], parsed[3]
        pool = pool or concat({ "proxy", connect_host, connect_port, host, port or "" }, ":")
    end
    local options = { pool = pool, pool_size = opts.pool_size, backlog = opts.backlog }
    local ok, err
    if is_unix then
        ok, err = self.sock:connect(host, options)
    else
        ok, err = self.sock:connect((connect_host:gsub("^%[(.*)%]$", "%1")), connect_port, options)
    end
    if not ok then
        return nil, err
    end
    self.host, self.port, self.ssl, self.keepalive = host, port, scheme == "https", true
    self.path_prefix = nil
    if proxy and scheme == "https" and self.sock:getreusedtimes() == 0 then
        local res, fault = self:request({ method = "CONNECT", path = host .. ":" .. port, headers = {
            ["Host"] = host .. ":" .. port, ["Proxy-Authorization"] = opts.proxy_opts and opts.proxy_opts.https_proxy_authorization,
        } })
        if not res then
            return nil, "failed to issue CONNECT to proxy: " .. tostring(fault)
        end
        if res.status < 200 or res.status > 299 then
            return nil, "failed to establish a tunnel through a proxy: " .. res.status
        end
    elseif proxy then
        self.path_prefix = (scheme or "http") .. "://" .. host .. (port ~= 80 and ":" .. port or "")
        self.proxy_authorization = opts.proxy_opts and opts.proxy_opts.http_proxy_authorization
    end
    if scheme == "https" and self.sock:getreusedtimes() == 0 then
        if opts.ssl_client_cert then
            local set, fault = self.sock:setclientcert(opts.ssl_client_cert, opts.ssl_client_priv_key)
            if not set then
                return nil, "could not set client certificate: " .. fault
            end
        end
        local verify = opts.ssl_verify
        if verify == nil then
            verify = true
        end
        local done, fault = self.sock:sslhandshake(opts.ssl_reused_session, opts.ssl_server_name or host, verify,
            opts.ssl_send_status_req)
        if not done then
            self:close()
            return nil, fault
        end
    end
    return true, nil, scheme == "https"
end

function M.connect(self, host, ...)
    if type(host) == "table" then
        return connect_by_options(self, host)
    end
    local port = ...
    self.host = host
    if type(host) == "string" and host:sub(1, 5) == "unix:" then
        self.port = nil
    else
        self.port = port
    end
    self.keepalive, self.ssl, self.path_prefix = true, false, nil
    return self.sock:connect((tostring(host):gsub("^%[(.*)%]$", "%1")), ...)
end

function M.set_keepalive(self, ...)
    if self.keepalive then
        return self.sock:setkeepalive(...)
    end
    local ok, err = self.sock:close()
    if not ok then
        return nil, err
    end
    return 2, "connection must be closed"
end

function M.get_reused_times(self)
    return self.sock:getreusedtimes()
end

function M.close(self)
    return self.sock:close()
end

-- --- requests

local function with_query(path, query)
    if not query or query == "" then
        return path
    end
    if type(query) == "table" then
        query = ngx.encode_args(query)
    end
    if query:sub(1, 1) == "?" then
        query = query:sub(2)
    end
    return path .. (path:find("?", 1, true) and "&" or "?") .. query
end

-- What would end a line of the head, and begin another one of whoever chose the text.
local function add_field(lines, name, value)
    name, value = tostring(name), tostring(value)
    if not name:find("^[%w!#$%%&'*+%-.^_`|~]+$") then
        return nil, "invalid characters found in header key"
    end
    if value:find("[%z\1-\8\10-\31\127]") then
        return nil, "invalid characters found in header value"
    end
    lines[#lines + 1] = name .. ": " .. value .. "\r\n"
    return true
end

local function head_of(self, params, headers)
    local version = params.version == 1.0 and "1.0" or "1.1"
    local path = with_query(params.path or "/", params.query)
    if path:find("[%z\1-\32]") then
        local in_query = path:find("?", 1, true) or math.huge
        return nil, "invalid characters found in " .. (path:find("[%z\1-\32]") < in_query and "path" or "query")
    end
    if self.path_prefix then
        path = self.path_prefix .. path
    end
    local lines = { (params.method or "GET"):upper() .. " " .. path .. " HTTP/" .. version .. "\r\n" }
    for name, value in pairs(headers) do
        for _, one in ipairs(type(value) == "table" and value or { value }) do
            local ok, err = add_field(lines, name, one)
            if not ok then
                return nil, err
            end
        end
    end
    lines[#lines + 1] = "\r\n"
    return concat(lines)
end

local function host_header(self)
    if self.port and self.port ~= PORTS[self.ssl and "https" or "http"] then
        return self.host .. ":" .. self.port
    end
    return self.host
end

local function length_of(body)
    if type(body) == "table" then
        local bytes = 0
        for _, piece in ipairs(body) do
            bytes = bytes + #tostring(piece)
        end
        return bytes
    end
    return #tostring(body)
end

local function prepare(self, params)
    local headers = http_headers.new()
    for name, value in pairs(params.headers or {}) do
        headers[name] = value
    end
    local body, method = params.body, (params.method or "GET"):upper()
    if not headers["Proxy-Authorization"] and self.proxy_authorization then
        headers["Proxy-Authorization"] = self.proxy_authorization
    end
    if not headers["Content-Length"] and not headers["Transfer-Encoding"] then
        if type(body) == "function" then
            headers["Transfer-Encoding"] = "chunked"
        elseif body ~= nil then
            headers["Content-Length"] = length_of(body)
        elseif WITH_BODY[method] then
            headers["Content-Length"] = 0
        end
    end
    if not headers["Host"] and self.host then
        if self.host:sub(1, 5) == "unix:" then
            return nil, "Unable to generate a useful Host header for a unix domain socket. Please provide one."
        end
        headers["Host"] = host_header(self)
    end
    if not headers["User-Agent"] then
        headers["User-Agent"] = M._USER_AGENT
    end
    if params.version == 1.0 and not headers["Connection"] then
        headers["Connection"] = "Keep-Alive"
    end
    return headers
end

local function send_body(sock, body, chunked)
    if type(body) ~= "function" then
        return sock:send(type(body) == "table" and body or tostring(body))
    end
    while true do
        local chunk, err = body()
        if err then
            return nil, err
        end
        if chunk == nil then
            if chunked then
                return sock:send("0\r\n\r\n")
            end
            return true
        end
        if chunk ~= "" then
            local sent, fault = sock:send(chunked and { ("%x\r\n"):format(#chunk), chunk, "\r\n" } or chunk)
            if not sent then
                return nil, fault
            end
        end
    end
end

function M.send_request(self, params)
    local headers, err = prepare(self, params)
    if not headers then
        return nil, err
    end
    self.sent_chunked = type(params.body) == "function" and headers["Transfer-Encoding"] ~= nil
    local head, fault = head_of(self, params, headers)
    if not head then
        return nil, fault
    end
    params.headers = headers
    if params.body ~= nil and headers["Expect"] ~= "100-continue" and type(params.body) == "string" then
        -- one write for what is short
        local sent, fault = self.sock:send({ head, params.body })
        if not sent then
            return nil, fault
        end
        return true
    end
    local sent, fault = self.sock:send(head)
    if not sent then
        return nil, fault
    end
    if params.body ~= nil and headers["Expect"] ~= "100-continue" then
        sent, fault = send_body(self.sock, params.body, self.sent_chunked)
        if not sent then
            return nil, fault
        end
    end
    return true
end

-- --- responses

local function receive_status(sock)
    local line, err = sock:receive("*l")
    if not line then
        return nil, nil, nil, err
    end
    local version, status, reason = line:match("^HTTP/(%d+%.%d+)%s+(%d%d%d)%s?(.*)$")
    if not version then
        return nil, nil, nil, "couldn't parse HTTP response status from response line: " .. line
    end
    return tonumber(status), tonumber(version), reason
end

local function receive_headers(sock)
    local headers = http_headers.new()
    while true do
        local line, err = sock:receive("*l")
        if not line then
            return nil, err
        end
        if line == "" then
            return headers
        end
        local name, value = line:match("^([^:%s]+):%s*(.-)%s*$")
        if name then
            local before = headers[name]
            if before then
                if type(before) == "table" then
                    before[#before + 1] = value
                else
                    headers[name] = { before, value }
                end
            else
                headers[name] = value
            end
        end
    end
end

local function no_body()
    return nil
end

-- Readers give the next piece, at most `max` bytes of it, and nil at the end.
local function length_reader(sock, length, default_max)
    local left = length
    return function(max)
        if left <= 0 then
            return nil
        end
        local bytes = math.min(max or default_max or 65536, left)
        local piece, err, partial = sock:receive(bytes)
        if not piece then
            return nil, err, partial
        end
        left = left - #piece
        return piece
    end
end

local function chunked_reader(sock, default_max)
    local left, done = 0, false
    return function(max)
        if done then
            return nil
        end
        if left == 0 then
            local line, err = sock:receive("*l")
            if not line then
                return nil, "chunked_body_reader: " .. tostring(err)
            end
            left = tonumber(line:match("^%s*(%x+)"), 16)
            if not left then
                return nil, "unable to read chunksize"
            end
            if left == 0 then
                done = true
                return nil
            end
        end
        local bytes = math.min(max or default_max or left, left)
        local piece, err = sock:receive(bytes)
        if not piece then
            return nil, err
        end
        left = left - bytes
        if left == 0 then
            sock:receive(2)
        end
        return piece
    end
end

local function open_reader(sock, default_max)
    local done = false
    return function(max)
        if done then
            return nil
        end
        local piece, err = sock:receiveany(max or default_max or 65536)
        if not piece then
            done = true
            if err ~= "closed" then
                return nil, err
            end
        end
        return piece
    end
end

local function read_body(res)
    local pieces = {}
    if not res.body_reader then
        return nil, "no body to be read"
    end
    while true do
        local piece, err = res.body_reader()
        if err then
            return nil, err, concat(pieces)
        end
        if not piece then
            return concat(pieces)
        end
        pieces[#pieces + 1] = piece
    end
end

local function read_trailers(res)
    local trailers, err = receive_headers(res._sock)
    if not trailers then
        return nil, err
    end
    setmetatable(res.headers, { __index = trailers })
    return trailers
end

local function is_closing(version, headers)
    local connection = headers["Connection"]
    connection = type(connection) == "table" and concat(connection, ",") or connection or ""
    connection = connection:lower()
    if version == 1.1 then
        return connection:find("close", 1, true) ~= nil
    end
    return connection:find("keep%-alive") == nil
end

local function last_of(value)
    return type(value) == "table" and value[#value] or value
end

function M.read_response(self, params)
    local sock = self.sock
    local status, version, reason, err
    repeat
        status, version, reason, err = receive_status(sock)
        if not status then
            return nil, err
        end
        if status >= 100 and status < 200 and status ~= 101 then
            local ignored, fault = receive_headers(sock)
            if not ignored then
                return nil, fault
            end
            if status == 100 and params.headers and params.headers["Expect"] == "100-continue" and params.body ~= nil then
                local sent, problem = send_body(sock, params.body, self.sent_chunked)
                if not sent then
                    return nil, problem
                end
                params.headers["Expect"] = nil
            end
        end
    until status >= 200 or status == 101
    local headers, fault = receive_headers(sock)
    if not headers then
        return nil, fault
    end
    if is_closing(version, headers) then
        self.keepalive = false
    end
    local method = (params.method or "GET"):upper()
    local has_body = method ~= "HEAD" and method ~= "CONNECT" and status ~= 204 and status ~= 304 and status ~= 101
    local reader = no_body
    if has_body then
        local encoding = last_of(headers["Transfer-Encoding"])
        local length = tonumber(last_of(headers["Content-Length"]))
        if version == 1.1 and encoding and encoding:lower():find("chunked", 1, true) then
            reader = chunked_reader(sock)
        elseif length then
            reader = length_reader(sock, length)
        else
            self.keepalive = false
            reader = open_reader(sock)
        end
    end
    return {
        status = status, reason = reason, headers = headers, has_body = has_body, body_reader = reader, read_body = read_body,
        read_trailers = read_trailers, _sock = sock,
    }
end

function M.request(self, params)
    params = setmetatable({}, { __index = params })
    local ok, err = M.send_request(self, params)
    if not ok then
        return nil, err
    end
    return M.read_response(self, params)
end

function M.request_pipeline(self, requests)
    local sent = {}
    for i, params in ipairs(requests) do
        sent[i] = setmetatable({}, { __index = params })
        local ok, err = M.send_request(self, sent[i])
        if not ok then
            return nil, err
        end
    end
    local responses = {}
    for i = 1, #requests do
        responses[i] = setmetatable({ response_read = false }, {
            __index = function(res, key)
                if rawget(res, "response_read") then
                    return nil
                end
                local real, err = M.read_response(self, sent[i])
                rawset(res, "response_read", true)
                if not real then
                    ngx.log(ngx.ERR, "failed reading pipelined response: ", err)
                    return nil
                end
                for name, value in pairs(real) do
                    rawset(res, name, value)
                end
                return rawget(res, key)
            end,
        })
    end
    return responses
end

function M.request_uri(self, uri, params)
    local opts = {}
    for key, value in pairs(params or {}) do
        opts[key] = value
    end
    local parsed, err = M.parse_uri(self, uri, false)
    if not parsed then
        return nil, err
    end
    local scheme, host, port, path, query = unpack(parsed)
    opts.path = opts.path or path
    opts.query = opts.query or query
    local function connect()
        return self:connect({
            scheme = scheme, host = host, port = port, pool = opts.pool, pool_size = opts.pool_size or opts.keepalive_pool,
            backlog = opts.backlog, ssl_verify = opts.ssl_verify, ssl_server_name = opts.ssl_server_name,
            ssl_client_cert = opts.ssl_client_cert, ssl_client_priv_key = opts.ssl_client_priv_key, proxy_opts = opts.proxy_opts,
        })
    end
    local ok, fault = connect()
    if not ok then
        return nil, fault
    end
    local res, problem = self:request(opts)
    if not res and problem == "closed" and self.sock:getreusedtimes() and IDEMPOTENT[(opts.method or "GET"):upper()] then
        -- the server closed a pooled connection meanwhile
        ok, fault = connect()
        if not ok then
            return nil, fault
        end
        res, problem = self:request(opts)
    end
    if not res then
        self:close()
        return nil, problem
    end
    local body, trouble = res:read_body()
    if not body then
        self:close()
        return nil, trouble
    end
    res.body = body
    if opts.keepalive == false then
        self:close()
    else
        self:set_keepalive(opts.keepalive_timeout, opts.keepalive_pool)
    end
    return res
end

-- --- the client's own request and response

function M.get_client_body_reader(_, chunk_size)
    local done = false
    return function()
        if done then
            return nil
        end
        done = true
        ngx.req.read_body()
        return ngx.req.get_body_data()
    end
end

local HOP_BY_HOP = {
    ["connection"] = true, ["keep-alive"] = true, ["proxy-authenticate"] = true, ["proxy-authorization"] = true, ["te"] = true,
    ["trailers"] = true, ["transfer-encoding"] = true, ["upgrade"] = true, ["content-length"] = true,
}

function M.proxy_request(self, chunk_size)
    return self:request({
        method = ngx.req.get_method(), path = ngx.var.uri .. (ngx.var.is_args or "") .. (ngx.var.args or ""),
        body = (function() ngx.req.read_body() return ngx.req.get_body_data() end)(), headers = ngx.req.get_headers(0, true),
    })
end

function M.proxy_response(_, response, chunk_size)
    if not response then
        ngx.log(ngx.ERR, "no response provided")
        return
    end
    ngx.status = response.status
    for name, value in pairs(response.headers) do
        if not HOP_BY_HOP[name:lower()] then
            ngx.header[name] = value
        end
    end
    while true do
        local piece, err = response.body_reader(chunk_size)
        if err then
            ngx.log(ngx.ERR, err)
            break
        end
        if not piece then
            break
        end
        ngx.print(piece)
    end
end

return M

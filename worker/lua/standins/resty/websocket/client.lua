-- resty.websocket.client: the client's side of WebSocket (RFC 6455) on a cosocket.
local protocol = require("resty.websocket.protocol")
local tcp = ngx.socket.tcp

local M = protocol.methods(false, function(self) return not self.send_unmasked end)
M._VERSION = "0.12"
local mt = { __index = M }

local PAYLOAD_MAX = 65535
local GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

function M.new(_, opts)
    opts = opts or {}
    local sock, err = tcp()
    if not sock then
        return nil, err
    end
    if opts.timeout then
        sock:settimeout(opts.timeout)
    end
    return setmetatable({ sock = sock, max_payload_len = opts.max_payload_len or PAYLOAD_MAX,
                          send_unmasked = opts.send_unmasked }, mt)
end

local function list_text(value)
    return type(value) == "table" and table.concat(value, ",") or value
end

local function request_head(host, path, key, opts)
    local lines = {
        "GET " .. path .. " HTTP/1.1", "Host: " .. (opts.host or host), "Upgrade: websocket", "Connection: Upgrade",
        "Sec-WebSocket-Key: " .. key, "Sec-WebSocket-Version: 13",
    }
    if opts.protocols then
        lines[#lines + 1] = "Sec-WebSocket-Protocol: " .. list_text(opts.protocols)
    end
    if opts.origin then
        lines[#lines + 1] = "Origin: " .. opts.origin
    end
    for _, header in ipairs(opts.headers or {}) do
        lines[#lines + 1] = header
    end
    return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

local function open(self, scheme, host, port, opts)
    local sock = self.sock
    local ok, err
    if scheme == "unix" then
        ok, err = sock:connect(host, { pool = opts.pool })
    else
        ok, err = sock:connect(host, port, { pool = opts.pool, pool_size = opts.pool_size, backlog = opts.backlog })
    end
    if not ok then
        return nil, "failed to connect: " .. err
    end
    if scheme == "wss" and sock:getreusedtimes() == 0 then
        if opts.client_cert then
            ok, err = sock:setclientcert(opts.client_cert, opts.client_priv_key)
            if not ok then
                return nil, "failed to set TLS client certificate: " .. err
            end
        end
        local verify = opts.ssl_verify == nil or opts.ssl_verify
        ok, err = sock:sslhandshake(false, opts.server_name or opts.host or host, verify)
        if not ok then
            return nil, "ssl handshake failed: " .. err
        end
    end
    return true
end

-- connect("ws://host:port/path", {protocols, origin, headers, host, pool, ssl_verify, server_name, ...}) -> 1, nil,
-- the head of the response
function M:connect(uri, opts)
    opts = opts or {}
    if not self.sock then
        return nil, "not initialized"
    end
    local scheme, host, port, path
    if uri:find("^unix:") then
        scheme, host, path = "unix", uri:match("^(unix:[^:]+):?(.*)$")
    else
        scheme, host, port, path = uri:match("^(wss?)://([^:/?]+):?(%d*)(.*)$")
        if not scheme then
            scheme, host, port, path = uri:match("^(wss?)://(%[[%x:]+%]):?(%d*)(.*)$")
        end
    end
    if not scheme then
        return nil, "bad websocket uri"
    end
    port = tonumber(port) or (scheme == "wss" and 443 or 80)
    path = path == "" and "/" or path
    path = path:sub(1, 1) == "?" and "/" .. path or path
    local ok, err = open(self, scheme, host, port, opts)
    if not ok then
        return nil, err
    end
    if self.sock:getreusedtimes() > 0 then
        return 1, nil, "connection reused"
    end
    local is_default = scheme == "unix" or port == (scheme == "wss" and 443 or 80)
    local key = opts.key or ngx.encode_base64(require("gateway.crypto").random(16))
    local shown = scheme == "unix" and "localhost" or is_default and host or host .. ":" .. port
    local sent
    sent, err = self.sock:send(request_head(shown, path, key, opts))
    if not sent then
        return nil, "failed to send the handshake request: " .. err
    end
    local head
    head, err = self.sock:receiveuntil("\r\n\r\n")()
    if not head then
        return nil, "failed to receive response header: " .. err
    end
    if not head:find("^HTTP/1%.[01] 101%f[%D]") then
        return nil, "bad HTTP response status line: " .. (head:match("^[^\r\n]*") or ""), head
    end
    local accept = head:lower():find("sec-websocket-accept:", 1, true)
    local value = accept and head:sub(accept + 21):match("^%s*([^\r\n]-)%s*%f[\r\n%z]")
    if value ~= ngx.encode_base64(ngx.sha1_bin(key .. GUID)) then
        return nil, "bad Sec-WebSocket-Accept in the response", head
    end
    return 1, nil, head
end

function M:set_keepalive(...)
    if not self.sock then
        return nil, "not initialized"
    end
    return self.sock:setkeepalive(...)
end

function M:close()
    if not self.sock then
        return nil, "not initialized"
    end
    if not self.closed and not self.fatal then
        local bytes, err = self:send_close()
        if not bytes then
            self.sock:close()
            return nil, "failed to send close frame: " .. err
        end
    end
    return self.sock:close()
end

return M

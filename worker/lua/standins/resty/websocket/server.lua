-- resty.websocket.server: the request that runs becomes a WebSocket (RFC 6455, section 4.2).
local protocol = require("resty.websocket.protocol")

local M = protocol.methods(true, function(self) return self.send_masked end)
M._VERSION = "0.12"
local mt = { __index = M }

local PAYLOAD_MAX = 65535
local GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

local function first(value)
    return type(value) == "table" and value[1] or value
end

-- The key of the client, and its first protocol; nil, why it is no handshake.
local function check_request()
    if ngx.headers_sent then
        return nil, "response header already sent"
    end
    if ngx.req.http_version() ~= 1.1 then
        return nil, "bad http version"
    end
    local headers = ngx.req.get_headers()
    local upgrade, connection = first(headers.upgrade), first(headers.connection)
    if type(upgrade) ~= "string" or upgrade:lower() ~= "websocket" then
        return nil, "bad \"upgrade\" request header: " .. tostring(upgrade)
    end
    if type(connection) ~= "string" or not connection:lower():find("upgrade", 1, true) then
        return nil, "bad \"connection\" request header"
    end
    local key = first(headers["sec-websocket-key"])
    if not key then
        return nil, "bad \"sec-websocket-key\" request header"
    end
    local version = first(headers["sec-websocket-version"])
    if version ~= "13" then
        return nil, "bad \"sec-websocket-version\" request header"
    end
    return key, first(headers["sec-websocket-protocol"])
end

-- {timeout, max_payload_len, send_masked}
function M.new(_, opts)
    opts = opts or {}
    local key, asked = check_request()
    if not key then
        return nil, asked
    end
    local sock, err = ngx.req.socket(true)
    if not sock then
        return nil, "failed to get the socket: " .. tostring(err)
    end
    if opts.timeout then
        sock:settimeout(opts.timeout)
    end
    local lines = {
        "HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: upgrade",
        "Sec-WebSocket-Accept: " .. ngx.encode_base64(ngx.sha1_bin(key .. GUID)),
    }
    if asked then
        lines[#lines + 1] = "Sec-WebSocket-Protocol: " .. asked:match("^%s*([^,%s]*)")
    end
    local sent
    sent, err = sock:send(table.concat(lines, "\r\n") .. "\r\n\r\n")
    if not sent then
        return nil, "failed to send response header: " .. err
    end
    return setmetatable({ sock = sock, max_payload_len = opts.max_payload_len or PAYLOAD_MAX,
                          send_masked = opts.send_masked }, mt)
end

return M

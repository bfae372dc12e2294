-- resty.redis: a client of redis on cosockets (RESP 2). Every command is a method of its own name.
local tcp = ngx.socket.tcp
local null = ngx.null
local type, tostring, tonumber, setmetatable, select, ipairs, pairs, concat, sub, byte, rawget = type, tostring, tonumber, setmetatable,
    select, ipairs, pairs, table.concat, string.sub, string.byte, rawget

local M = { _VERSION = "0.30" }

local mt = {
    __index = function(_, name)
        local method = rawget(M, name)
        if method or type(name) ~= "string" or name:sub(1, 1) == "_" then
            return method
        end
        -- made once for each command
        method = function(self, ...)
            return M._do(self, name, ...)
        end
        M[name] = method
        return method
    end,
}

function M.new()
    local sock, err = tcp()
    if not sock then
        return nil, err
    end
    return setmetatable({ _sock = sock, _subscribed = false, _n_channel = { unsubscribe = 0, punsubscribe = 0 } }, mt)
end

-- Names of commands with another spelling than their method.
function M.register_module_prefix(name)
    M[name] = function(self)
        self._module_prefix = name
        return self
    end
end

function M.add_commands(...)
    for i = 1, select("#", ...) do
        local name = (select(i, ...))
        M[name] = function(self, ...)
            return M._do(self, name, ...)
        end
    end
end

function M.set_timeout(self, timeout)
    local sock = rawget(self, "_sock")
    if not sock then
        error("not initialized", 2)
    end
    sock:settimeout(timeout)
end

function M.set_timeouts(self, connect, send, read)
    local sock = rawget(self, "_sock")
    if not sock then
        error("not initialized", 2)
    end
    sock:settimeouts(connect, send, read)
end

function M.connect(self, host, port_or_opts, opts)
    local sock = rawget(self, "_sock")
    if not sock then
        return nil, "not initialized"
    end
    self._subscribed = false
    local is_unix = type(host) == "string" and host:sub(1, 5) == "unix:"
    if is_unix then
        opts = port_or_opts
    end
    local ok, err
    if is_unix then
        ok, err = sock:connect(host, opts)
    else
        ok, err = sock:connect(host, port_or_opts, opts)
    end
    if not ok then
        return nil, err
    end
    if opts and opts.ssl and sock:getreusedtimes() == 0 then
        local done, fault = sock:sslhandshake(false, opts.server_name, opts.ssl_verify)
        if not done then
            return nil, "failed to do ssl handshake: " .. tostring(fault)
        end
    end
    return ok, err
end

function M.set_keepalive(self, ...)
    local sock = rawget(self, "_sock")
    if not sock then
        return nil, "not initialized"
    end
    if rawget(self, "_subscribed") then
        return nil, "subscribed state"
    end
    return sock:setkeepalive(...)
end

function M.get_reused_times(self)
    local sock = rawget(self, "_sock")
    if not sock then
        return nil, "not initialized"
    end
    return sock:getreusedtimes()
end

function M.close(self)
    local sock = rawget(self, "_sock")
    if not sock then
        return nil, "not initialized"
    end
    return sock:close()
end

-- One reply. An error of redis is false, "text"; of the connection nil, "text".
local function read_reply(self, sock)
    local line, err = sock:receive()
    if not line then
        if err == "timeout" and not rawget(self, "_subscribed") then
            sock:close()
        end
        return nil, err
    end
    local kind = byte(line)
    if kind == 36 then -- '$'
        local size = tonumber(sub(line, 2))
        if not size then
            return nil, "unknown bulk length: " .. line
        end
        if size < 0 then
            return null
        end
        local data, fault = sock:receive(size)
        if not data then
            if fault == "timeout" then
                sock:close()
            end
            return nil, fault
        end
        local crlf, problem = sock:receive(2)
        if not crlf then
            return nil, problem
        end
        return data
    elseif kind == 43 then -- '+'
        return sub(line, 2)
    elseif kind == 42 then -- '*'
        local count = tonumber(sub(line, 2)) or 0
        if count < 0 then
            return null
        end
        local list = {}
        for i = 1, count do
            local value, fault = read_reply(self, sock)
            if value then
                list[i] = value
            elseif value == nil then
                return nil, fault
            else
                list[i] = { false, fault }
            end
        end
        return list
    elseif kind == 58 then -- ':'
        return tonumber(sub(line, 2))
    elseif kind == 45 then -- '-'
        return false, sub(line, 2)
    end
    return nil, "unknown prefix: \"" .. tostring(line) .. "\""
end

local function encode(...)
    local count = select("#", ...)
    local out = { "*", count, "\r\n" }
    for i = 1, count do
        local value = tostring((select(i, ...)))
        out[#out + 1] = "$" .. #value .. "\r\n" .. value .. "\r\n"
    end
    return concat(out)
end

function M._do(self, command, ...)
    local sock = rawget(self, "_sock")
    if not sock then
        return nil, "not initialized"
    end
    local prefix = rawget(self, "_module_prefix")
    if prefix then
        self._module_prefix = nil
        command = prefix .. "." .. command
    end
    local is_subscribing = command == "subscribe" or command == "psubscribe"
    if rawget(self, "_subscribed") and not is_subscribing and command ~= "unsubscribe" and command ~= "punsubscribe" then
        return nil, "subscribed state"
    end
    local request = encode(command, ...)
    local pipeline = rawget(self, "_reqs")
    if pipeline then
        pipeline[#pipeline + 1] = request
        return
    end
    local sent, err = sock:send(request)
    if not sent then
        return nil, err
    end
    if is_subscribing then
        self._subscribed = true
    end
    local reply, fault = read_reply(self, sock)
    if (command == "unsubscribe" or command == "punsubscribe") and type(reply) == "table" and reply[3] == 0 then
        self._subscribed = false
    end
    return reply, fault
end

function M.read_reply(self)
    local sock = rawget(self, "_sock")
    if not sock then
        return nil, "not initialized"
    end
    if not rawget(self, "_subscribed") then
        return nil, "not subscribed"
    end
    return read_reply(self, sock)
end

-- hmset(key, field, value ...) or hmset(key, {field = value})
function M.hmset(self, key, ...)
    if select("#", ...) == 1 then
        local args = {}
        for field, value in pairs((...)) do
            args[#args + 1] = field
            args[#args + 1] = value
        end
        return M._do(self, "hmset", key, unpack(args))
    end
    return M._do(self, "hmset", key, ...)
end

function M.init_pipeline(self, n)
    self._reqs = {}
end

function M.cancel_pipeline(self)
    self._reqs = nil
end

function M.commit_pipeline(self)
    local requests = rawget(self, "_reqs")
    if not requests then
        return nil, "no pipeline"
    end
    self._reqs = nil
    local sock = rawget(self, "_sock")
    if not sock then
        return nil, "not initialized"
    end
    local sent, err = sock:send(requests)
    if not sent then
        return nil, err
    end
    local replies = {}
    for i = 1, #requests do
        local reply, fault = read_reply(self, sock)
        if reply then
            replies[i] = reply
        elseif reply == nil then
            if fault == "timeout" then
                sock:close()
            end
            return nil, fault
        else
            replies[i] = { false, fault }
        end
    end
    return replies
end

function M.array_to_hash(_, list)
    local out = {}
    for i = 1, #list, 2 do
        out[list[i]] = list[i + 1]
    end
    return out
end

return M

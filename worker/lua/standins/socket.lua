-- socket: what scripts take of LuaSocket besides connections: time, sleep, names. Connections are ngx.socket.tcp().
local M = { _VERSION = "LuaSocket 3.0", dns = {} }

function M.gettime()
    ngx.update_time()
    return ngx.now()
end

function M.sleep(seconds)
    return ngx.sleep(seconds)
end

function M.dns.gethostname()
    return require("apisix.core.utils").gethostname()
end

function M.dns.toip(name)
    local addresses, err = require("gateway.resolver").lookup(name)
    if not addresses then
        return nil, err
    end
    return addresses[1], { name = name, alias = {}, ip = addresses }
end

function M.tcp()
    return ngx.socket.tcp()
end

function M.udp()
    return ngx.socket.udp()
end

-- Functions whose errors are results.
function M.protect(f)
    return function(...)
        local results = table.pack(pcall(f, ...))
        if results[1] then
            return table.unpack(results, 2, results.n)
        end
        return nil, results[2]
    end
end

function M.newtry(finalizer)
    return function(ok, err, ...)
        if not ok then
            if finalizer then
                pcall(finalizer)
            end
            error(err, 0)
        end
        return ok, err, ...
    end
end
M.try = M.newtry()

return M

-- apisix.utils.redis: a connection by the fields redis_* of a plugin's configuration. Connections with other
-- databases, users or TLS settings are kept apart.
local redis = require("resty.redis")
local core = require("apisix.core")

local M = { version = 0.1 }

local function pool_of(conf)
    local scheme = not conf.redis_ssl and "redis" or conf.redis_ssl_verify and "rediss-verify" or "rediss"
    local name = ("%s#%s#%d#%d"):format(scheme, conf.redis_host, conf.redis_port or 6379, conf.redis_database or 0)
    if conf.redis_password and conf.redis_password ~= "" then
        name = name .. "#" .. ngx.crc32_long((conf.redis_username or "") .. ":" .. conf.redis_password)
    end
    return name
end

local function log_in(client, conf)
    if conf.redis_password and conf.redis_password ~= "" then
        local ok, err
        if conf.redis_username then
            ok, err = client:auth(conf.redis_username, conf.redis_password)
        else
            ok, err = client:auth(conf.redis_password)
        end
        if not ok then
            return nil, err
        end
    end
    if conf.redis_database and conf.redis_database ~= 0 then
        local ok, err = client:select(conf.redis_database)
        if not ok then
            return nil, "failed to change redis db, err: " .. err
        end
    end
    return true
end

function M.new(conf)
    local client = redis:new()
    local timeout = conf.redis_timeout or 1000
    client:set_timeouts(timeout, timeout, timeout)
    local ok, err = client:connect(conf.redis_host, conf.redis_port or 6379,
                                   { ssl = conf.redis_ssl, ssl_verify = conf.redis_ssl_verify, pool = pool_of(conf) })
    if not ok then
        core.log.error(" redis connect error, error: ", err)
        return false, err
    end
    if client:get_reused_times() == 0 then
        ok, err = log_in(client, conf)
        if not ok then
            client:close()
            return nil, err
        end
    end
    return client
end

return M

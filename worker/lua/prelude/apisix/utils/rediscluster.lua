-- apisix.utils.rediscluster: a client by the fields redis_cluster_* of a plugin's configuration.
local core = require("apisix.core")

local M = { version = 0.1 }

function M.new(conf, dict_name)
    local config = {
        name = conf.redis_cluster_name, serv_list = {}, dict_name = dict_name,
        keepalive_timeout = conf.redis_keepalive_timeout, keepalive_cons = conf.redis_keepalive_pool,
        connect_timeout = conf.redis_timeout, read_timeout = conf.redis_timeout, send_timeout = conf.redis_timeout,
        auth = conf.redis_password,
        connect_opts = { ssl = conf.redis_cluster_ssl, ssl_verify = conf.redis_cluster_ssl_verify },
    }
    for i, address in ipairs(conf.redis_cluster_nodes) do
        local host, port, err = core.utils.parse_addr(address)
        if err then
            return nil, "failed to parse address: " .. address .. " err: " .. err
        end
        config.serv_list[i] = { ip = host, port = port }
    end
    local client, err = require("resty.rediscluster"):new(config)
    if not client then
        return nil, "failed to new redis cluster: " .. err
    end
    return client
end

return M

-- apisix.utils.redis-schema: the fields of a configuration that say where redis is.
local function with_common(properties)
    properties.redis_timeout = { type = "integer", minimum = 1, default = 1000 }
    properties.redis_keepalive_timeout = { type = "integer", minimum = 1000, default = 10000 }
    properties.redis_keepalive_pool = { type = "integer", minimum = 1, default = 100 }
    return properties
end

local function redis()
    return {
        properties = with_common({
            redis_host = { type = "string", minLength = 2 },
            redis_port = { type = "integer", minimum = 1, default = 6379 },
            redis_username = { type = "string", minLength = 1 },
            redis_password = { type = "string", minLength = 0 },
            redis_database = { type = "integer", minimum = 0, default = 0 },
            redis_ssl = { type = "boolean", default = false },
            redis_ssl_verify = { type = "boolean", default = false },
        }),
        required = { "redis_host" },
    }
end

local function cluster()
    return {
        properties = with_common({
            redis_cluster_nodes = {
                type = "array", minItems = 1, items = { type = "string", minLength = 2, maxLength = 100 },
            },
            redis_password = { type = "string", minLength = 0 },
            redis_cluster_name = { type = "string" },
            redis_cluster_ssl = { type = "boolean", default = false },
            redis_cluster_ssl_verify = { type = "boolean", default = false },
        }),
        required = { "redis_cluster_nodes", "redis_cluster_name" },
    }
end

local function with_key_ttl(schema)
    schema.properties.key_ttl = { type = "integer", default = 3600 }
    return schema
end

return {
    schema = { redis = redis(), ["redis-cluster"] = cluster() },
    limit_conn_redis_schema = with_key_ttl(redis()),
    limit_conn_redis_cluster_schema = with_key_ttl(cluster()),
}

-- apisix.schema_def: parts of schemas that plugins put into their own, and those of whole objects (route, service, upstream,
-- consumer, ssl ...), which are the Admin API's.
local schema_of = require("gateway.schema").of

local M = { version = 0.4 }

M.id_schema = {
    anyOf = {
        { type = "string", minLength = 1, maxLength = 64, pattern = [[^[a-zA-Z0-9-_.]+$]] },
        { type = "integer", minimum = 1 },
    },
}

M.host_def = { type = "string", pattern = "^\\*?[0-9a-zA-Z-._\\[\\]:/]+$" }
M.host_def_pat = M.host_def.pattern
M.ipv4_def = "[0-9]{1,3}.[0-9]{1,3}.[0-9]{1,3}.[0-9]{1,3}"
local byte = "(25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)"
local ip4 = "^(" .. byte .. "\\.){3}" .. byte
M.ip_def = {
    { title = "IPv4", type = "string", format = "ipv4" },
    { title = "IPv4/CIDR", type = "string", pattern = ip4 .. "/([12]?[0-9]|3[0-2])$" },
    { title = "IPv6", type = "string", format = "ipv6" },
    { title = "IPv6/CIDR", type = "string", pattern = [[^([a-fA-F0-9]{0,4}:){1,8}(:[a-fA-F0-9]{0,4}){0,8}([a-fA-F0-9]{0,4})?/[0-9]{1,3}$]] },
}
M.uri_def = { type = "string", pattern = [=[^[^\/]+:\/\/([\da-zA-Z.-]+|\[[\da-fA-F:]+\])(:\d+)?]=] }
M.timeout_def = {
    type = "object", minProperties = 1,
    properties = {
        connect = { type = "number", exclusiveMinimum = 0 }, send = { type = "number", exclusiveMinimum = 0 },
        read = { type = "number", exclusiveMinimum = 0 },
    },
}
M.timestamp_def = { type = "integer" }
M.label_value_def = { description = "value of label", type = "string", pattern = [[^\S+$]], maxLength = 256, minLength = 1 }
M.labels_def = { description = "key/value pairs to specify attributes", type = "object", patternProperties = { [".*"] = M.label_value_def } }
M.rule_name_def = { type = "string", maxLength = 100, minLength = 1 }
M.plugins_schema = { type = "object" }
M.method_schema = {
    description = "HTTP method", type = "string",
    enum = { "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE", "PURGE" },
}
M.anonymous_consumer_schema = { type = "string", minLength = 1 }
M.upstream_hash_vars_schema = {
    type = "string",
    pattern = [[^((uri|server_name|server_addr|request_uri|remote_port|remote_addr|query_string|host|hostname|mqtt_client_id)|arg_[0-9a-zA-z_-]+)$]],
}
M.upstream_hash_header_schema = { type = "string", pattern = [[^[a-zA-Z0-9-_]+$]] }

return setmetatable(M, {
    __index = function(self, name)
        local schema = type(name) == "string" and schema_of(name) or nil
        self[name] = schema
        return schema
    end,
})

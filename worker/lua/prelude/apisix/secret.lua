-- apisix.secret: the gateway resolves references before a plugin sees its configuration.
local env = require("apisix.core.env")

return {
    fetch_secrets = function(refs) return refs end,
    fetch_by_uri = function(uri) return env.fetch_by_uri(uri) end,
    check_secret_uri = function(uri) return type(uri) == "string" and uri:sub(1, 10) == "$secret://" end,
}

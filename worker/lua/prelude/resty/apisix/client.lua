-- resty.apisix.client: what APISIX's own nginx module has for the client's side.
local client = require("gateway.client")

local function refuse()
    return nil, "not available in this gateway"
end

return {
    set_client_max_body_size = function(bytes) return client.set_body_max(bytes) end,
    set_real_ip = function(address, port) return client.set_real_ip(address, port) end,
    set_gzip = refuse, set_mirror = refuse, set_proxy_request_buffering = refuse, enable_proxy_protocol = refuse,
}

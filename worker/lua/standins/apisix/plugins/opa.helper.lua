-- apisix.plugins.opa.helper: what OPA is asked about a request.
local core = require("apisix.core")

local M = {}

local function first_level(headers)
    local out = {}
    for name, value in pairs(headers) do
        out[name] = value
    end
    return out
end

function M.build_opa_input(conf, ctx, subsystem)
    local var = ctx.var
    local data = {
        type = subsystem,
        request = {
            scheme = core.request.get_scheme(ctx), method = core.request.get_method(),
            host = core.request.get_host(ctx), port = core.request.get_port(ctx), path = var.uri,
            headers = first_level(core.request.headers(ctx)), query = core.request.get_uri_args(ctx),
        },
        var = {
            server_addr = var.server_addr, server_port = var.server_port, remote_addr = var.remote_addr,
            remote_port = var.remote_port, timestamp = ngx.time(),
        },
    }
    if conf.with_route and ctx.matched_route then
        data.route = ctx.matched_route.value
    end
    if conf.with_consumer then
        data.consumer = ctx.consumer
    end
    return { input = data }
end

return M

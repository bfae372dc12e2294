-- apisix.utils.log-sanitize: what may be logged of a request to a service.
local deepcopy = require("apisix.core.table").deepcopy

local SECRET = {
    authorization = true, ["proxy-authorization"] = true, cookie = true, ["x-api-key"] = true, ["api-key"] = true,
    ["x-amz-security-token"] = true,
}

local M = {}

function M.redact_params(params)
    local out = {}
    for _, name in ipairs({ "method", "scheme", "host", "port", "path", "ssl_server_name" }) do
        out[name] = params[name]
    end
    if params.headers then
        out.headers = {}
        for name, value in pairs(params.headers) do
            out.headers[name] = SECRET[name:lower()] and "[REDACTED]" or value
        end
    end
    return out
end

function M.redact_extra_opts(options)
    local out = deepcopy(options)
    out.auth = nil
    return out
end

return M

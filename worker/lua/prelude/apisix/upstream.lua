-- apisix.upstream: where a request goes, as plugins say it.
local data = require("gateway.data")
local core = require("apisix.core")
local objects = require("gateway.objects")
local schema = require("gateway.upstream_schema")

local M = {}

function M.check_schema(conf)
    return schema.check(conf)
end

function M.check_upstream_conf(conf)
    return schema.check(conf)
end

M.scheme_to_port = { http = 80, https = 443, grpc = 80, grpcs = 443 }

-- set(ctx, key, version, conf): the nodes of `conf` take the request; a later call wins. An upstream is made once for a key and
-- a version.
function M.set(ctx, key, version, conf)
    for name, value in pairs({ ctx = ctx or false, key = key or false, ver = version or false, conf = conf or false }) do
        if not value then
            error("missing argument " .. name, 2)
        end
    end
    ctx.upstream_conf = conf
    ctx.upstream_version = version
    ctx.upstream_key = key
    local ok, err = data.choose_upstream("lua#" .. tostring(key) .. "#" .. tostring(version), conf)
    if not ok then
        core.log.error("failed to set upstream: ", err)
    end
end

-- The value of a stored upstream.
function M.get_by_id(id)
    local item = objects.get("upstreams", id)
    if not item then
        core.log.error("failed to find upstream by id: ", id)
        return nil
    end
    return item.value
end

function M.upstreams()
    return objects.list("upstreams")
end

function M.set_scheme() end

function M.filter_upstream(upstream, parent)
    upstream.parent = parent
end

function M.encrypt_conf() end

function M.init_worker() end

return M

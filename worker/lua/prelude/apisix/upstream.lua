-- apisix.upstream: where a request goes, as plugins say it.
local data = require("gateway.data")
local core = require("apisix.core")
local objects = require("gateway.objects")
local schema = require("gateway.upstream_schema")

local M = {}

function M.check_schema(conf)
    return schema.check(conf)
end

function M.check_upstream_conf(_, conf)
    return schema.check(conf)
end

local function key_of(ctx, key)
    return (key or "lua") .. "#" .. (ctx.route_id or "") .. "#" .. core.json.stably_encode(ctx.upstream_conf)
end

-- set(ctx, key, version, conf): the nodes of `conf` take the request.
function M.set(ctx, key, version, conf)
    if ctx.upstream_conf then
        -- the first one wins, as in APISIX
        return
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

return M

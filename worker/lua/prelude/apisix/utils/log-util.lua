-- apisix.utils.log-util: entries of loggers.
local core = require("apisix.core")
local log_entry = require("gateway.log_entry")

local M = {}

function M.get_full_log(ngx_, conf)
    return log_entry.full(conf)
end

local function by_format(format, ctx)
    local entry = {}
    for name, value in pairs(format) do
        if type(value) == "table" then
            entry[name] = by_format(value, ctx)
        elseif type(value) == "string" and value:sub(1, 1) == "$" then
            entry[name] = ctx.var[value:sub(2)]
        else
            entry[name] = value
        end
    end
    return entry
end

function M.get_log_entry(plugin_name, conf, ctx)
    local metadata = require("apisix.plugin").plugin_metadata(plugin_name)
    local format = conf.log_format or (metadata and metadata.value.log_format)
    if not format then
        return M.get_full_log(ngx, conf), false
    end
    local entry = by_format(format, ctx)
    entry.route_id = ctx.route_id
    entry.service_id = ctx.service_id
    return entry, true
end

function M.check_log_schema(conf)
    return true
end

function M.inject_get_full_log() end

function M.get_req_original(ctx, conf)
    return ngx.req.raw_header() .. (conf.include_req_body and ngx.req.get_body_data() or "")
end

function M.collect_body(conf, ctx)
    if conf.include_resp_body then
        local body = core.response.hold_body_chunk(ctx, true, conf.max_resp_body_bytes)
        if body then
            ctx.resp_body = body
        end
    end
end

function M.get_rfc3339_zulu_timestamp(timestamp)
    ngx.update_time()
    local now = timestamp or ngx.now()
    local ms = math.floor((now - math.floor(now)) * 1000)
    return os.date("!%Y-%m-%dT%H:%M:%S.", now) .. ("%03dZ"):format(ms)
end

return M

-- apisix.utils.log-util: the entries that loggers write.
local core = require("apisix.core")
local plugin = require("apisix.plugin")
local expr = require("resty.expr.v1")
local decoders = require("apisix.utils.content-decode")
local ngx, type, pairs, ipairs = ngx, type, pairs, ipairs

local BODY_BYTES_MAX = 512 * 1024
local FORMAT_DEPTH_MAX = 5

local M = {}

local function request_body(bytes_max)
    local body = ngx.req.get_body_data()
    if body then
        return #body > bytes_max and body:sub(1, bytes_max) or body
    end
    local name = ngx.req.get_body_file()
    if not name then
        return nil
    end
    local file, err = io.open(name, "r")
    if not file then
        return nil, "fail to open file " .. err
    end
    body = file:read(bytes_max)
    file:close()
    return body
end

-- Values that begin with '$' are variables; tables are formats of their own.
local function fill(ctx, format, bytes_max, depth)
    local entry = {}
    for name, value in pairs(format) do
        if type(value) == "table" then
            if depth >= FORMAT_DEPTH_MAX then
                core.log.warn("log_format nesting exceeds max depth ", FORMAT_DEPTH_MAX, ", truncating")
                entry[name] = {}
            else
                entry[name] = fill(ctx, value, bytes_max, depth + 1)
            end
        elseif value == "$request_body" then
            local body, err = request_body(bytes_max)
            if err then
                core.log.error("fail to get request body: ", err)
            end
            entry[name] = body
        elseif type(value) == "string" and value:byte(1) == 36 then
            entry[name] = ctx.var[value:sub(2)]
        else
            entry[name] = value
        end
    end
    return entry
end

function M.get_custom_format_log(ctx, format, max_req_body_bytes)
    local entry = fill(ctx, format, max_req_body_bytes or BODY_BYTES_MAX, 1)
    local route = ctx.matched_route and ctx.matched_route.value
    if route then
        entry.service_id = route.service_id
        entry.route_id = route.id
    end
    return entry
end

function M.inject_get_custom_format_log(make)
    M.get_custom_format_log = make
end

-- Of the whole request, of the node, of the gateway, in milliseconds.
function M.latency_details_in_ms(ctx)
    local whole = (ngx.now() - ngx.req.start_time()) * 1000
    local seconds = tonumber(ctx.var.upstream_response_time)
    if not seconds then
        return whole, nil, whole
    end
    return whole, seconds * 1000, math.max(0, whole - seconds * 1000)
end

-- Whether the expression that a configuration has under `name` holds; compiled once, kept under `kept`.
local function holds(conf, name, kept, ctx)
    if not conf[name] then
        return true
    end
    if not conf[kept] then
        local compiled, err = expr.new(conf[name])
        if not compiled then
            core.log.error("generate ", kept == "request_expr" and "request" or "response", " expr err ", err)
            return nil
        end
        conf[kept] = compiled
    end
    return conf[kept]:eval(ctx.var)
end

function M.get_full_log(_, conf)
    local ctx = ngx.ctx.api_ctx
    local var = ctx.var
    local route = ctx.matched_route and ctx.matched_route.value
    local whole, upstream, gateway = M.latency_details_in_ms(ctx)
    local entry = {
        request = {
            url = var.scheme .. "://" .. (var.host or "") .. ":" .. var.server_port .. var.request_uri,
            uri = var.request_uri, method = ngx.req.get_method(),
            headers = ctx.data_mask_headers or ngx.req.get_headers(), querystring = ngx.req.get_uri_args(),
            size = var.request_length,
        },
        response = { status = ngx.status, headers = ngx.resp.get_headers(), size = var.bytes_sent },
        server = { hostname = core.utils.gethostname(), version = core.version.VERSION },
        upstream = var.upstream_addr, route_id = route and route.id,
        service_id = route and (route.service_id or "") or not route and var.host or nil,
        consumer = ctx.consumer and { username = ctx.consumer.username } or nil,
        client_ip = core.request.get_remote_client_ip(ctx), start_time = ngx.req.start_time() * 1000,
        latency = whole, upstream_latency = upstream, apisix_latency = gateway,
    }
    if conf.include_resp_body then
        entry.response.body = ctx.resp_body
    end
    if conf.include_req_body and holds(conf, "include_req_body_expr", "request_expr", ctx) then
        local body, err = request_body(conf.max_req_body_bytes or BODY_BYTES_MAX)
        if err then
            core.log.error("fail to get request body: ", err)
            return nil
        end
        entry.request.body = body
    end
    return entry
end

function M.inject_get_full_log(make)
    M.get_full_log = make
end

local function matches_one(rules, ctx)
    for _, rule in ipairs(rules) do
        local compiled = expr.new(rule)
        if compiled and compiled:eval(ctx.var) then
            return true
        end
    end
    return false
end

local function is_filled(format)
    return type(format) == "table" and next(format) ~= nil
end

-- The entry, whether its format is the user's, and what log_format_extra adds; nil when `match` keeps it out.
function M.get_log_entry(plugin_name, conf, ctx)
    if conf.match and next(conf.match) ~= nil and not matches_one(conf.match, ctx) then
        return nil
    end
    local metadata = plugin.plugin_metadata(plugin_name)
    local stored = metadata and metadata.value or {}
    local entry, extra
    local format = conf.log_format or (is_filled(stored.log_format) and stored.log_format)
    if format then
        entry = M.get_custom_format_log(ctx, format, conf.max_req_body_bytes)
    else
        entry = M.get_full_log(ngx, conf)
        local wanted = conf.log_format_extra
        if wanted == nil then
            wanted = stored.log_format_extra
        end
        if entry and is_filled(wanted) then
            local more = M.get_custom_format_log(ctx, wanted, conf.max_req_body_bytes)
            extra = {}
            for name in pairs(wanted) do
                extra[name] = more[name]
                if entry[name] == nil then
                    entry[name] = more[name]
                end
            end
        end
    end
    for _, name in ipairs({ "llm_summary", "llm_request", "llm_response_text" }) do
        if entry and ctx[name] then
            entry[name] = ctx[name]
        end
    end
    return entry, format and true or false, extra
end

-- The request as it came: line, headers, body.
function M.get_req_original(ctx, conf)
    local parts = { ctx.var.request, "\r\n" }
    for name, value in pairs(ctx.data_mask_headers or ngx.req.get_headers()) do
        for _, one in ipairs(type(value) == "table" and value or { value }) do
            core.table.insert_tail(parts, name, ": ", one, "\r\n")
        end
    end
    parts[#parts + 1] = "\r\n"
    if conf.include_req_body then
        parts[#parts + 1] = request_body(conf.max_req_body_bytes or BODY_BYTES_MAX)
    end
    return core.table.concat(parts)
end

function M.check_log_schema(conf)
    for _, name in ipairs({ "include_req_body_expr", "include_resp_body_expr" }) do
        if conf[name] then
            local ok, err = expr.new(conf[name])
            if not ok then
                return nil, "failed to validate the '" .. name .. "' expression: " .. err
            end
        end
    end
    return true, nil
end

-- In body_filter: ctx.resp_body once the body is whole, decoded where it was compressed.
function M.collect_body(conf, ctx)
    if not conf.include_resp_body then
        return
    end
    if ctx.res_expr_eval_result == nil then
        ctx.res_expr_eval_result = holds(conf, "include_resp_body_expr", "response_expr", ctx)
    end
    if not ctx.res_expr_eval_result then
        return
    end
    local body = core.response.hold_body_chunk(ctx, true, conf.max_resp_body_bytes or BODY_BYTES_MAX, conf)
    if not body then
        return
    end
    ctx.resp_body = body
    local encoding = ngx.header["Content-Encoding"]
    if not encoding or ctx.gzip_matched then
        return
    end
    local decode = decoders.dispatch_decoder(encoding)
    if not decode then
        core.log.warn("unsupported compression encoding type: ", encoding)
        return
    end
    local plain, err = decode(body)
    if err then
        core.log.warn("try decode compressed data err: ", err)
        return
    end
    ctx.resp_body = plain
end

function M.check_and_read_req_body(conf, ctx)
    if conf.include_req_body and holds(conf, "include_req_body_expr", "request_expr", ctx) then
        ngx.req.read_body()
    end
end

function M.get_rfc3339_zulu_timestamp(timestamp)
    ngx.update_time()
    local now = timestamp or ngx.now()
    local second = math.floor(now)
    return os.date("!%Y-%m-%dT%H:%M:%S.", second) .. ("%03dZ"):format(math.floor((now - second) * 1000))
end

return M

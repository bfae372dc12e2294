-- core.request: the client's request. Most functions take ctx first and may be called without one.
local json = require("apisix.core.json")
local log = require("apisix.core.log")
local ngx = ngx
local req = ngx.req
local type, tonumber, tostring, error, pairs = type, tonumber, tostring, error, pairs

local M = {}

local function ctx_of(ctx)
    return ctx or ngx.ctx.api_ctx
end

local function headers_of(ctx)
    ctx = ctx_of(ctx)
    if not ctx.headers then
        ctx.headers = req.get_headers()
    end
    return ctx.headers
end

M.headers = headers_of

-- The first of several.
function M.header(ctx, name)
    local value = headers_of(ctx)[name]
    if type(value) == "table" then
        return value[1]
    end
    return value
end

local function change(ctx, name, value, change_it)
    if type(ctx) == "string" then
        -- without ctx: (name, value)
        ctx, name, value = nil, ctx, name
    end
    local err
    if type(name) ~= "string" then
        error("invalid header name: " .. tostring(name), 3)
    end
    change_it(name, value)
    local api_ctx = ctx or ngx.ctx.api_ctx
    if api_ctx then
        api_ctx.headers = nil
    end
    return err
end

function M.set_header(ctx, name, value)
    change(ctx, name, value, req.set_header)
end

function M.add_header(ctx, name, value)
    change(ctx, name, value, req.add_header)
end

function M.get_ip(ctx)
    ctx = ctx_of(ctx)
    return ctx.var.realip_remote_addr or ctx.var.remote_addr or ""
end

function M.get_remote_client_ip(ctx)
    return ctx_of(ctx).var.remote_addr or ""
end

function M.get_remote_client_port(ctx)
    return tonumber(ctx_of(ctx).var.remote_port or 0)
end

function M.get_uri_args(ctx)
    ctx = ctx_of(ctx)
    if not ctx.req_uri_args then
        ctx.req_uri_args = req.get_uri_args(0)
    end
    return ctx.req_uri_args
end

function M.set_uri_args(ctx, args)
    ctx = ctx_of(ctx)
    ctx.req_uri_args = nil
    return req.set_uri_args(args)
end

function M.get_post_args(ctx)
    ctx = ctx_of(ctx)
    if not ctx.req_post_args then
        req.read_body()
        local args, err = req.get_post_args(0)
        if not args then
            args = {}
            log.error("the post form is too large: ", err)
        end
        ctx.req_post_args = args
    end
    return ctx.req_post_args
end

local function too_large(length, max_size)
    return length > max_size and "request size " .. length .. " is greater than the maximum size " .. max_size .. " allowed"
end

function M.get_body(max_size, ctx)
    if max_size then
        local length = tonumber(ngx.var.http_content_length or "")
        local err = length and too_large(length, max_size)
        if err then
            return nil, err
        end
    end
    req.read_body()
    local body = req.get_body_data()
    if body and max_size then
        local err = too_large(#body, max_size)
        if err then
            return nil, err
        end
    end
    return body
end

-- The body as a table: JSON or a form; nil, {message} for neither.
function M.get_json_request_body_table()
    local body, err = M.get_body()
    if not body then
        return nil, { message = "could not get body: " .. (err or "request body is empty") }
    end
    local tab, fault = json.decode(body)
    if not tab then
        return nil, { message = "could not get parse JSON request body: " .. fault }
    end
    return tab
end

function M.get_body_table(ctx, content_type)
    content_type = content_type or M.header(ctx, "Content-Type") or ""
    if content_type:find("application/json", 1, true) then
        return M.get_json_request_body_table()
    end
    return M.get_post_args(ctx)
end

function M.get_scheme(ctx)
    return ctx_of(ctx).var.scheme or ""
end

function M.get_host(ctx)
    return ctx_of(ctx).var.host or ""
end

function M.get_port(ctx)
    return tonumber(ctx_of(ctx).var.server_port or "")
end

function M.get_path(ctx)
    return ctx_of(ctx).var.uri or ""
end

function M.get_http_version()
    return req.http_version()
end

M.get_method = req.get_method
M.set_method = req.set_method

function M.set_raw_uri(ctx, uri)
    ctx_of(ctx).var.upstream_uri = uri
end

function M.set_body_data(ctx, body)
    return req.set_body_data(body)
end

local chash_buffer
function M.get_remote_client_ip_binary(ctx)
    return ctx_of(ctx).var.binary_remote_addr
end

return M

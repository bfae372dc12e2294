-- core.request: the client's request. Most functions take ctx first and may be called without one.
local json = require("apisix.core.json")
local log = require("apisix.core.log")
local ngx = ngx
local req = ngx.req
local type, tonumber, tostring, error, pcall, ipairs, require = type, tonumber, tostring, error, pcall, ipairs, require
local table = table

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

-- "X-Name" -> "http_x_name". Names are those of the code; a program that makes them up starts anew.
local variables, variable_count = {}, 0

local function variable_of(name)
    local variable = variables[name]
    if not variable then
        if variable_count >= 1000 then
            variables, variable_count = {}, 0
        end
        variable = "http_" .. name:lower():gsub("-", "_")
        variables[name] = variable
        variable_count = variable_count + 1
    end
    return variable
end

local function change(ctx, name, value, change_it)
    if type(ctx) == "string" then
        -- without ctx: (name, value)
        ctx, name, value = nil, ctx, name
    end
    if type(name) ~= "string" then
        error(("invalid header name %q: got %s, expected string"):format(tostring(name), type(name)), 3)
    end
    change_it(name, value)
    local api_ctx = ctx or ngx.ctx.api_ctx
    if api_ctx then
        api_ctx.headers = nil
        if api_ctx.var then
            -- what was written under this name is not the header any more
            api_ctx.var[variable_of(name)] = nil
        end
    end
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
        local var = ctx and ctx.var or ngx.var
        local length = tonumber(var.http_content_length or "")
        local err = length and too_large(length, max_size)
        if err then
            if (var.http_expect or ""):lower() == "100-continue" then
                req.clear_header("expect")
            end
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

-- How a body of each type becomes a table: f(ctx, content_type, max_size) -> table | nil, "why".
local function body_text(max_size, ctx)
    local body, err = M.get_body(max_size, ctx)
    if not body then
        return nil, "could not get body: " .. (err or "request body is empty")
    end
    return body
end

local JSON, FORM, MULTIPART = "application/json", "application/x-www-form-urlencoded", "multipart/form-data"
local readers = {
    [JSON] = function(ctx, _, max_size)
        local body, err = body_text(max_size, ctx)
        if not body then
            return nil, err
        end
        local tab, fault = json.decode(body)
        if not tab then
            return nil, "could not parse JSON request body: " .. (fault or "invalid JSON")
        end
        return tab
    end,
    [FORM] = function(ctx)
        return M.get_post_args(ctx)
    end,
    [MULTIPART] = function(ctx, content_type, max_size)
        local body, err = body_text(max_size, ctx)
        if not body then
            return nil, err
        end
        local has_library, multipart = pcall(require, "multipart")
        local parsed = has_library and multipart(body, content_type)
        if not parsed then
            return nil, "failed to parse multipart form data"
        end
        return parsed:get_all()
    end,
}

-- Parsed once in a request; another content_type than the one it was parsed as is a mistake of the caller.
function M.get_request_body_table(ctx, content_type, max_size)
    ctx = ctx_of(ctx)
    if ctx._request_body_table ~= nil then
        if content_type and content_type ~= ctx._request_body_type then
            return nil, "request body type mismatch: cached type is " .. (ctx._request_body_type or "unknown")
                .. ", expected " .. content_type
        end
        return ctx._request_body_table
    end
    local sent = content_type or M.header(ctx, "Content-Type") or ""
    for _, known in ipairs({ JSON, FORM, MULTIPART }) do
        if sent:find(known, 1, true) then
            local tab, err = readers[known](ctx, sent, max_size)
            if not tab then
                return nil, err
            end
            ctx._request_body_table, ctx._request_body_type = tab, known
            return tab
        end
    end
    return nil, "unsupported content-type: " .. sent .. ", supported types are: "
        .. table.concat({ JSON, FORM, MULTIPART }, ", ")
end

-- The body as JSON, whatever its type; nil, {message = "why"}.
function M.get_json_request_body_table(max_size)
    local tab, err = M.get_request_body_table(nil, JSON, max_size)
    if not tab then
        return nil, { message = err }
    end
    return tab
end

-- Another body: what was parsed of the old one does not hold.
local set_body_data = req.set_body_data
function req.set_body_data(body)
    local ctx = ngx.ctx.api_ctx
    if ctx then
        ctx._request_body_table, ctx._request_body_type, ctx.req_post_args = nil, nil, nil
    end
    return set_body_data(body)
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

return M

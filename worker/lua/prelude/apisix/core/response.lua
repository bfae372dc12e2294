-- core.response: what the client gets.
local json = require("apisix.core.json")
local table = require("apisix.core.table")
local ngx = ngx
local ngx_header = ngx.header
local type, select, error, tostring, tonumber, pairs, ipairs = type, select, error, tostring, tonumber, pairs, ipairs
local will_change_body = require("gateway.response").will_change_body

local M = { version = 0.1 }

local function write(body)
    if type(body) ~= "table" then
        ngx.print(body)
        return
    end
    local text, err = json.encode(body)
    if not text then
        error("failed to encode data: " .. tostring(err), -2)
    end
    ngx.print(text, "\n")
end

-- func(code, body, headers, conf) -> code, body, headers: looks at what exit() is about to send, in the order
-- in which they came.
function M.exit_insert_callback(func, conf)
    local ctx = ngx.ctx
    local callbacks = ctx.apisix_exit_callback_funcs or {}
    callbacks[#callbacks + 1] = { func, conf }
    ctx.apisix_exit_callback_funcs = callbacks
end

local function first_body(...)
    for i = 1, select("#", ...) do
        local body = (select(i, ...))
        if body ~= nil then
            return body
        end
    end
end

local function note_source()
    local ctx = ngx.ctx.api_ctx
    if ctx and not ctx._resp_source then
        ctx._resp_source = "apisix"
    end
end

local function exit_through(callbacks, code, body)
    local headers = {}
    for _, callback in ipairs(callbacks) do
        code, body, headers = callback[1](code, body, headers, callback[2])
    end
    if code then
        ngx.status = code
    end
    for name, value in pairs(headers or {}) do
        ngx_header[name] = value
    end
    if body ~= nil then
        write(body)
    end
    if code then
        note_source()
        return ngx.exit(code)
    end
end

-- exit(code, body ...): a body without a code is only written.
function M.exit(code, ...)
    local callbacks = ngx.ctx.apisix_exit_callback_funcs
    if callbacks then
        if code ~= nil and type(code) ~= "number" then
            return exit_through(callbacks, nil, first_body(..., code))
        end
        return exit_through(callbacks, code, first_body(...))
    end
    local count = select("#", ...)
    if code ~= nil and type(code) ~= "number" then
        write(code)
        code = nil
    end
    if type(code) == "number" then
        ngx.status = code
    end
    for i = 1, count do
        local body = (select(i, ...))
        if body ~= nil then
            write(body)
        end
    end
    if code then
        note_source()
        return ngx.exit(code)
    end
end

function M.say(...)
    for i = 1, select("#", ...) do
        local body = (select(i, ...))
        if body ~= nil then
            write(body)
        end
    end
end

local function set(append, ...)
    if ngx.headers_sent then
        error("headers have already been sent", 2)
    end
    local names = ...
    if select("#", ...) == 1 then
        if type(names) ~= "table" then
            ngx_header[names] = nil
            return
        end
        for name, value in pairs(names) do
            if append then
                ngx.resp.add_header(name, value)
            else
                ngx_header[name] = value
            end
        end
        return
    end
    for i = 1, select("#", ...), 2 do
        local name, value = select(i, ...)
        if append then
            ngx.resp.add_header(name, value)
        else
            ngx_header[name] = value
        end
    end
end

function M.set_header(...)
    set(false, ...)
end

function M.add_header(...)
    set(true, ...)
end

function M.get_upstream_status(ctx)
    -- "502, 200" of two tries: the last
    local status = ctx.var.upstream_status
    if type(status) == "string" then
        return tonumber(status:match("(%d+)%s*$"))
    end
    return status
end

function M.set_response_source(ctx, source)
    if ctx then
        ctx._resp_source = source
    end
end

-- "-, 0.002" of two tries: "0.002".
function M.get_last_upstream_token(text)
    return text and text:match("([^%s,]+)[%s,]*$")
end

-- "apisix": the gateway's own; "upstream": a node's; "nginx": an error page for a node that did not respond.
function M.get_response_source(ctx)
    if not ctx then
        return "apisix"
    end
    if not ctx._resp_source then
        local time = M.get_last_upstream_token(ngx.var.upstream_header_time)
        if not time then
            return "apisix"
        end
        ctx._resp_source = time ~= "-" and "upstream" or "nginx"
    end
    return ctx._resp_source
end

-- What the upstream said of its body does not hold for another one.
function M.clear_header_as_body_modified()
    will_change_body()
end

-- The pieces until the last, which gives all of them; with `max_bytes` the body is given once as much has
-- come, and what follows gives nil. `key`: of the buffer; without one each plugin has its own.
function M.hold_body_chunk(ctx, hold_the_copy, max_bytes, key)
    key = key or ctx._plugin_name or "?"
    local chunk, is_last = ngx.arg[1], ngx.arg[2]
    ctx._body_buffer = ctx._body_buffer or {}
    local held = ctx._body_buffer[key]
    if held and held.done then
        return nil
    end
    if type(chunk) == "string" and chunk ~= "" then
        if not held then
            held = { n = 0, bytes = 0 }
            ctx._body_buffer[key] = held
        end
        held.n = held.n + 1
        held[held.n] = chunk
        held.bytes = held.bytes + #chunk
        if max_bytes and held.bytes >= max_bytes then
            held.done = true
            return table.concat(held, "", 1, held.n):sub(1, max_bytes)
        end
    end
    if is_last then
        ctx._body_buffer[key] = nil
        if not held then
            return chunk
        end
        return table.concat(held, "", 1, held.n)
    end
    if not hold_the_copy then
        ngx.arg[1] = nil
    end
    return nil
end

return M

-- core.response: what the client gets.
local json = require("apisix.core.json")
local table = require("apisix.core.table")
local ngx = ngx
local ngx_header = ngx.header
local type, select, error, tostring, pairs = type, select, error, tostring, pairs
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

-- exit(code, body ...): a body without a code is 200.
function M.exit(code, ...)
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
            error("should be a table if only one argument", 2)
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

-- What the upstream said of its body does not hold for another one.
function M.clear_header_as_body_modified()
    will_change_body()
end

-- The pieces until the last, which gives all of them. `max_resp_body_bytes`: the rest is cut.
function M.hold_body_chunk(ctx, hold_the_copy, max_resp_body_bytes)
    local id = ctx._plugin_name or "?"
    local chunk, is_last = ngx.arg[1], ngx.arg[2]
    ctx._body_buffer = ctx._body_buffer or {}
    local held = ctx._body_buffer[id]
    if type(chunk) == "string" and chunk ~= "" then
        if not held then
            held = { n = 0, bytes = 0 }
            ctx._body_buffer[id] = held
        end
        if not max_resp_body_bytes or held.bytes < max_resp_body_bytes then
            if max_resp_body_bytes and held.bytes + #chunk > max_resp_body_bytes then
                chunk = chunk:sub(1, max_resp_body_bytes - held.bytes)
            end
            held.n = held.n + 1
            held[held.n] = chunk
            held.bytes = held.bytes + #chunk
        end
    end
    if is_last then
        ctx._body_buffer[id] = nil
        if not held then
            return ""
        end
        return table.concat(held, "", 1, held.n)
    end
    if not hold_the_copy then
        ngx.arg[1] = nil
    end
    return nil
end

return M

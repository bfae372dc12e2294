-- socket.http: LuaSocket's requests, by resty.http: they do not block the worker.
--
--   request(url [, body]) -> body, status, header fields, status line
--   request{url, method, headers, source, sink} -> 1, status, header fields, status line
local M = { TIMEOUT = 60, USERAGENT = "LuaSocket 3.0" }

local function body_of(source)
    local pieces = {}
    while source do
        local piece = source()
        if not piece then
            break
        end
        pieces[#pieces + 1] = piece
    end
    return table.concat(pieces)
end

local function send(given)
    local client, err = require("resty.http").new()
    if not client then
        return nil, err
    end
    client:set_timeout(M.TIMEOUT * 1000)
    local body = given.source and body_of(given.source) or given.body
    local res, fault = client:request_uri(given.url, {
        method = given.method or (body and "POST" or "GET"), headers = given.headers, body = body, ssl_verify = false,
    })
    if not res then
        return nil, fault
    end
    local fields = {}
    for name, value in pairs(res.headers) do
        fields[name:lower()] = value
    end
    return res.body, res.status, fields, "HTTP/1.1 " .. res.status .. " " .. (res.reason or "")
end

function M.request(given, body)
    if type(given) == "string" then
        local headers = body and { ["Content-Type"] = "application/x-www-form-urlencoded" } or nil
        return send({ url = given, body = body, headers = headers })
    end
    local text, status, fields, line = send(given)
    if not text then
        return nil, status
    end
    if given.sink then
        given.sink(text)
        given.sink(nil)
    end
    return 1, status, fields, line
end

return M

-- What is behind the routes of tests: a function of the test makes the response.
local type, tostring, ipairs, pairs = type, tostring, ipairs, pairs

local M = { requests = {} }
local respond_with

-- A function of the request, or a response for all of them.
function M.set(respond)
    respond_with = respond
    M.requests = {}
end

local function by_name(pairs_of)
    local headers = {}
    for _, pair in ipairs(pairs_of) do
        local name = pair[1]:lower()
        local before = headers[name]
        if before == nil then
            headers[name] = pair[2]
        elseif type(before) == "table" then
            before[#before + 1] = pair[2]
        else
            headers[name] = { before, pair[2] }
        end
    end
    return headers
end

local function as_pairs(headers)
    local list, content_type = {}, ""
    for name, value in pairs(headers or {}) do
        if name:lower() == "content-type" then
            content_type = value
        elseif name:lower() ~= "content-length" then
            for _, each in ipairs(type(value) == "table" and value or { value }) do
                list[#list + 1] = { name, tostring(each) }
            end
        end
    end
    return list, content_type
end

function M.respond(request)
    request.headers = by_name(request.headers or {})
    request.uri = request.path .. (request.query ~= "" and "?" .. request.query or "")
    M.requests[#M.requests + 1] = request
    local response = respond_with
    if type(response) == "function" then
        response = response(request)
    end
    response = response or {}
    local headers, content_type = as_pairs(response.headers)
    return {
        status = response.status or 200, content_type = content_type, headers = headers,
        body = tostring(response.body or ""),
    }
end

return M

-- Which functions of the API are disabled where (gateway.tool.api says it of each), by the functions
-- themselves: however a file came by one.
local api = require("gateway.tool.api")
local pairs, pcall, require, type = pairs, pcall, require, type

local M = {}

-- waits: it may suspend; says: it makes the response; changes: it changes the request, which is of no use once it is
-- sent, and no error; request: there must be one.
local DISABLED = {
    header_filter = { waits = true, says = true },
    body_filter = { waits = true, says = true },
    log = { waits = true, says = true },
    init = { waits = true, says = true, changes = true, request = true },
}
local HINTS = {
    waits = "wait in access or before_proxy, or start ngx.timer.at(0, function() ... end)",
    says = "respond in rewrite or access; change what an upstream sent by ngx.header, ngx.status and ngx.arg[1]",
    changes = "change the request in rewrite, access or before_proxy",
    request = "there is no request while plugins are loaded and checked",
}

local by_function

local function value_at(path)
    local module, rest = path, ""
    local value
    if path:find("^ngx%.") and not path:find("^ngx%.[%a]+:") then
        value = ngx
        rest = path:sub(5)
    else
        module, rest = path:match("^([^:]+):(.*)$")
        local ok, loaded = pcall(require, module)
        value = ok and loaded or nil
    end
    for name in rest:gmatch("[^%.]+") do
        if type(value) ~= "table" then
            return nil
        end
        value = value[name]
    end
    return value
end
M.value_at = value_at

function M.of(value)
    if not by_function then
        by_function = {}
        for path, entry in pairs(api) do
            local ok, found = pcall(value_at, path)
            if ok and type(found) == "function" and entry.phases then
                by_function[found] = entry.phases
            end
        end
    end
    return by_function[value]
end

function M.is_disabled(kind, phase)
    return DISABLED[phase][kind] == true
end

function M.hint(kind)
    return HINTS[kind]
end

return M

-- resty.worker.events: events among the scripts of this worker; other workers do not get them.
local events = require("apisix.events")

local M = { _VERSION = "2.0.1" }

function M.configure() return true end
function M.configured() return true end
function M.poll() return "done" end

function M.event_list(source, ...)
    return events:event_list(source, ...)
end

function M.register(callback, source, ...)
    return events:register(callback, source, ...)
end
M.register_weak = M.register

function M.unregister(callback, source, ...)
    return events:unregister(callback, source, ...)
end

-- `unique`: once in a while among workers; there is one here.
function M.post(source, event, data)
    return events:post(source, event, data)
end
M.post_local = M.post

return M

-- apisix.events: events among the scripts of this worker; other workers do not get them.
local M = { inited = true }
local handlers = {}  -- source -> event -> functions

-- register(self, callback, source, event ...): without events all of the source, without a source all.
function M.register(_, callback, source, ...)
    local events = { ... }
    if #events == 0 then
        events[1] = "*"
    end
    source = source or "*"
    handlers[source] = handlers[source] or {}
    for _, event in ipairs(events) do
        handlers[source][event] = handlers[source][event] or {}
        table.insert(handlers[source][event], callback)
    end
    return true
end

-- Takes back what register() was called with.
function M.unregister(_, callback, source, ...)
    local events = { ... }
    if #events == 0 then
        events[1] = "*"
    end
    local was_there = false
    for _, event in ipairs(events) do
        local list = handlers[source or "*"] and handlers[source or "*"][event] or {}
        for i = #list, 1, -1 do
            if list[i] == callback then
                table.remove(list, i)
                was_there = true
            end
        end
    end
    return was_there
end

function M.event_list(_, source, ...)
    local events = { _source = source }
    for _, event in ipairs({ ... }) do
        events[event] = event
    end
    return setmetatable(events, {
        __index = function(_, key) error("event '" .. tostring(key) .. "' is an unknown event", 2) end,
    })
end

function M.post(_, source, event, data)
    for _, from in ipairs({ source, "*" }) do
        for _, kind in ipairs({ event, "*" }) do
            for _, callback in ipairs(handlers[from] and handlers[from][kind] or {}) do
                local ok, err = pcall(callback, data, event, source, ngx.worker.pid())
                if not ok then
                    ngx.log(ngx.ERR, "failed to handle the event ", source, ".", event, ": ", err)
                end
            end
        end
    end
    return true
end

function M.init_worker() end

return M

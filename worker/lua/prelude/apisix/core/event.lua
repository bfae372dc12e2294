-- core.event: one handler for each type of event of this worker.
local handlers = {}

local M = { CONST = { BUILD_ROUTER = 1 } }

function M.push(kind, ...)
    local handler = handlers[kind]
    if handler then
        handler(...)
    end
end

function M.register(kind, handler)
    handlers[kind] = handler
end

function M.unregister(kind)
    handlers[kind] = nil
end

return M

-- apisix.timers: functions that are called every second, all of them beside each other.
local core = require("apisix.core")

local M = {}
local INTERVAL = 1
local timers = {}
local is_started = false

local function call_all()
    local threads = {}
    for name, callback in pairs(timers) do
        core.log.info("run timer[", name, "]")
        local thread, err = ngx.thread.spawn(callback)
        if thread then
            threads[#threads + 1] = thread
        else
            core.log.error("failed to spawn thread for timer [", name, "]: ", err)
        end
    end
    for _, thread in ipairs(threads) do
        local ok, err = ngx.thread.wait(thread)
        if not ok then
            core.log.error("failed to run timer: ", err)
        end
    end
end

local function start()
    if is_started then
        return
    end
    local timer, err = core.timer.new("background", call_all,
                                      { each_ttl = 0, sleep_succ = 0, check_interval = INTERVAL })
    if not timer then
        core.log.error("failed to create background timer: ", err)
        return
    end
    is_started = true
end

function M.init_worker() end

-- `privileged`: for the privileged agent, which runs no Lua here.
function M.register_timer(name, callback, privileged)
    if privileged then
        return
    end
    timers[name] = callback
    start()
end

function M.unregister_timer(name, privileged)
    if privileged then
        return
    end
    timers[name] = nil
end

function M.check_interval()
    return INTERVAL
end

return M

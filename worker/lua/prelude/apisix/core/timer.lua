-- core.timer: a timer that runs a function again and again, at most for sleep_fail etc.
local log = require("apisix.core.log")
local setmetatable, pcall = setmetatable, pcall

local M = {}
local mt = { __index = M }

local function work(premature, self)
    if premature then
        return
    end
    local delay = self.each_ttl
    local ok, err = pcall(self.callback_fun)
    if not ok then
        log.error("failed to run the timer: ", self.name, " err: ", err)
        if self.sleep_fail > 0 then
            delay = delay + self.sleep_fail
        end
    elseif self.sleep_succ > 0 then
        delay = delay + self.sleep_succ
    end
    if self.each_ttl > 0 then
        local started, fault = ngx.timer.at(delay, work, self)
        if not started then
            log.error("failed to restart the timer: ", self.name, " err: ", fault)
        end
    end
end

function M.new(name, callback_fun, opts)
    opts = opts or {}
    local self = setmetatable({
        name = name, callback_fun = callback_fun, each_ttl = opts.each_ttl or 1, sleep_succ = opts.sleep_succ or 1,
        sleep_fail = opts.sleep_fail or 5, start_time = 0,
    }, mt)
    local ok, err = ngx.timer.at(0, work, self)
    if not ok then
        return nil, err
    end
    return self
end

return M

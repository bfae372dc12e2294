-- core.timer: a function that runs again and again: each round lasts `each_ttl` seconds and calls it as often as it
-- gets to, with pauses; rounds begin every `check_interval` seconds unless one is under way.
local log = require("apisix.core.log")
local sleep = require("apisix.core.utils").sleep
local pcall = pcall

local M = { version = 0.1 }

local function call_until_over(self)
    self.start_time = ngx.now()
    local ends_at = self.start_time + self.each_ttl
    while true do
        local ok, err = pcall(self.callback_fun)
        local pause = self.sleep_succ
        if not ok then
            log.error("failed to run the timer: ", self.name, " err: ", err)
            pause = self.sleep_fail
        end
        if pause > 0 then
            sleep(pause)
        end
        ngx.update_time()
        if self.each_ttl <= 0 or ngx.now() >= ends_at then
            return
        end
    end
end

local function run(premature, self)
    if premature or self.running then
        return
    end
    self.running = true
    local ok, err = pcall(call_until_over, self)
    self.running = false
    if not ok then
        log.error("failed to run timer[", self.name, "] err: ", err)
    end
end

function M.new(name, callback_fun, opts)
    if not name then
        return nil, "missing argument: name"
    end
    if not callback_fun then
        return nil, "missing argument: callback_fun"
    end
    opts = opts or {}
    local self = {
        name = name, callback_fun = callback_fun, each_ttl = opts.each_ttl or 1, sleep_succ = opts.sleep_succ or 1,
        sleep_fail = opts.sleep_fail or 5, start_time = 0, running = false,
    }
    local ok, err = ngx.timer.every(opts.check_interval or 1, run, self)
    if ok then
        ok, err = ngx.timer.at(0, run, self)
    end
    if not ok then
        return nil, err
    end
    return self
end

return M

-- resty.lock: a lock across all workers, in a shared dictionary.
local shared = ngx.shared
local setmetatable, tonumber, math_min = setmetatable, tonumber, math.min

local M = { _VERSION = "0.09" }
local mt = { __index = M }

function M.new(_, dict_name, opts)
    local dict = shared[dict_name]
    if not dict then
        return nil, "dictionary not found"
    end
    opts = opts or {}
    local timeout = opts.timeout or 5
    local exptime = opts.exptime or 30
    if timeout > exptime then
        timeout = exptime
    end
    return setmetatable({
        dict = dict, timeout = timeout, exptime = exptime, step = opts.step or 0.001, ratio = opts.ratio or 2,
        max_step = opts.max_step or 0.5,
    }, mt)
end

function M.lock(self, key)
    if not key then
        return nil, "nil key"
    end
    if self.key then
        return nil, "locked"
    end
    local dict, exptime = self.dict, self.exptime
    local ok, err = dict:add(key, true, exptime)
    if ok then
        self.key = key
        return 0
    end
    if err ~= "exists" then
        return nil, err
    end
    local step, left, elapsed = self.step, self.timeout, 0
    while left > 0 do
        step = math_min(step, left)
        ngx.sleep(step)
        elapsed, left = elapsed + step, left - step
        ok, err = dict:add(key, true, exptime)
        if ok then
            self.key = key
            return elapsed
        end
        if err ~= "exists" then
            return nil, err
        end
        step = math_min(step * self.ratio, self.max_step)
        if step <= 0 then
            step = 0.001
        end
    end
    return nil, "timeout"
end

function M.unlock(self)
    local key = self.key
    if not key then
        return nil, "unlocked"
    end
    self.key = nil
    local ok, err = self.dict:delete(key)
    if not ok then
        return nil, err
    end
    return 1
end

function M.expire(self, time)
    local key = self.key
    if not key then
        return nil, "unlocked"
    end
    local ok, err = self.dict:expire(key, tonumber(time) or self.exptime)
    if not ok then
        return nil, err
    end
    return true
end

return M

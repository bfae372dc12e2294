-- resty.limit.req: a leaky bucket. Under the key are the excess (in thousandths) and when it was seen last.
local max, abs = math.max, math.abs

local M = { _VERSION = "0.09" }
local mt = { __index = M }

function M.new(dict_name, rate, burst)
    local dict = ngx.shared[dict_name]
    if not dict then
        return nil, "shared dict not found"
    end
    return setmetatable({ dict = dict, rate = rate * 1000, burst = burst * 1000 }, mt)
end

function M.incoming(self, key, commit)
    local dict, rate = self.dict, self.rate
    local now = ngx.now() * 1000
    local excess = 0
    local held = dict:get(key)
    if held then
        local before, last = held:match("^(%S+) (%S+)$")
        before, last = tonumber(before), tonumber(last)
        if not before then
            return nil, "shdict abused by other users"
        end
        excess = max(before - rate * abs(now - last) / 1000 + 1000, 0)
        if excess > self.burst then
            return nil, "rejected"
        end
    end
    if commit then
        local ok, err = dict:set(key, ("%.17g %.17g"):format(excess, now))
        if not ok then
            return nil, err
        end
    end
    return excess / rate, excess / 1000
end

function M.set_rate(self, rate)
    self.rate = rate * 1000
end

function M.set_burst(self, burst)
    self.burst = burst * 1000
end

function M.uncommit(self, key)
    local held = self.dict:get(key)
    if not held then
        return nil, "not found"
    end
    local before, last = held:match("^(%S+) (%S+)$")
    return self.dict:set(key, ("%.17g %.17g"):format(max(tonumber(before) - 1000, 0), tonumber(last)))
end

return M

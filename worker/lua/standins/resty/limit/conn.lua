-- resty.limit.conn: so many at a time, more wait.
local floor = math.floor

local M = { _VERSION = "0.09" }
local mt = { __index = M }

function M.new(dict_name, max, burst, default_conn_delay)
    local dict = ngx.shared[dict_name]
    if not dict then
        return nil, "shared dict not found"
    end
    return setmetatable({ dict = dict, max = max + 0, burst = burst, unit_delay = default_conn_delay }, mt)
end

function M.incoming(self, key, commit)
    local dict, max = self.dict, self.max
    self.committed = false
    local conn, err
    if commit then
        conn, err = dict:incr(key, 1, 0)
        if not conn then
            return nil, err
        end
        if conn > max + self.burst then
            local after, fault = dict:incr(key, -1)
            if not after then
                return nil, fault
            end
            return nil, "rejected"
        end
        self.committed = true
    else
        conn = (dict:get(key) or 0) + 1
        if conn > max + self.burst then
            return nil, "rejected"
        end
    end
    if conn > max then
        return self.unit_delay * floor((conn - 1) / max), conn
    end
    return 0, conn
end

function M.is_committed(self)
    return self.committed
end

function M.leaving(self, key, req_latency)
    local conn, err = self.dict:incr(key, -1)
    if not conn then
        return nil, err
    end
    if req_latency then
        self.unit_delay = (req_latency + self.unit_delay) / 2
    end
    return conn
end

function M.uncommit(self, key)
    return self.dict:incr(key, -1)
end

function M.set_conn(self, conn)
    self.max = conn
end

function M.set_burst(self, burst)
    self.burst = burst
end

return M

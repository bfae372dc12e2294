-- resty.limit.count: so many in a window.
local M = { _VERSION = "0.09" }
local mt = { __index = M }

function M.new(dict_name, limit, window)
    local dict = ngx.shared[dict_name]
    if not dict then
        return nil, "shared dict not found"
    end
    return setmetatable({ dict = dict, limit = limit, window = window }, mt)
end

function M.incoming(self, key, commit)
    local dict, limit = self.dict, self.limit
    local remaining, err
    if commit then
        remaining, err = dict:incr(key, -1, limit, self.window)
        if not remaining then
            return nil, err
        end
    else
        remaining = (dict:get(key) or limit) - 1
    end
    if remaining < 0 then
        return nil, "rejected"
    end
    return 0, remaining
end

function M.uncommit(self, key)
    local remaining, err = self.dict:incr(key, 1)
    if not remaining then
        if err == "not found" then
            return self.limit
        end
        return nil, err
    end
    return remaining
end

return M

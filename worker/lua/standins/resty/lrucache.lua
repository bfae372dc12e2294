-- resty.lrucache: a bounded cache; what is used least makes room. Entries are a doubly linked list, the newest behind `head`.
local now = ngx.now
local setmetatable, pairs, error, tonumber = setmetatable, pairs, error, tonumber

local M = { _VERSION = "0.13" }
local mt = { __index = M }

local function unlink(node)
    node.before.behind = node.behind
    node.behind.before = node.before
end

local function link_first(head, node)
    node.before = head
    node.behind = head.behind
    head.behind.before = node
    head.behind = node
end

function M.new(size)
    size = tonumber(size)
    if not size or size < 1 then
        return nil, "size too small"
    end
    local head = {}
    head.before, head.behind = head, head
    return setmetatable({ nodes = {}, head = head, used = 0, size = size }, mt)
end

function M.count(self)
    return self.used
end

function M.capacity(self)
    return self.size
end

function M.get(self, key)
    local node = self.nodes[key]
    if not node then
        return nil
    end
    unlink(node)
    link_first(self.head, node)
    if node.expire >= 0 and node.expire < now() then
        return nil, node.value, node.flags
    end
    return node.value, nil, node.flags
end

function M.delete(self, key)
    local node = self.nodes[key]
    if not node then
        return false
    end
    unlink(node)
    self.nodes[key] = nil
    self.used = self.used - 1
    return true
end

function M.set(self, key, value, ttl, flags)
    local node = self.nodes[key]
    if node then
        unlink(node)
    elseif self.used >= self.size then
        node = self.head.before
        unlink(node)
        self.nodes[node.key] = nil
        self.nodes[key] = node
    else
        node = {}
        self.used = self.used + 1
        self.nodes[key] = node
    end
    node.key, node.value, node.flags = key, value, flags or 0
    node.expire = ttl and now() + ttl or -1
    link_first(self.head, node)
end

function M.get_keys(self, max_count, res)
    max_count = (not max_count or max_count == 0) and self.used or max_count
    local out, i, node = res or {}, 0, self.head.behind
    while node ~= self.head and i < max_count do
        i = i + 1
        out[i] = node.key
        node = node.behind
    end
    if res then
        out[i + 1] = nil
    end
    return out
end

function M.flush_all(self)
    self.nodes = {}
    self.used = 0
    self.head.before, self.head.behind = self.head, self.head
end

return M

-- resty.roundrobin: weighted round robin over {id = weight}.
local setmetatable, pairs, next, random = setmetatable, pairs, next, math.random

local M = { _VERSION = "0.05" }
local mt = { __index = M }

local function gcd(a, b)
    while b ~= 0 do
        a, b = b, a % b
    end
    return a
end

local function measure(self)
    local step, highest = 0, 0
    for _, weight in pairs(self.nodes) do
        step = gcd(weight, step)
        highest = weight > highest and weight or highest
    end
    self.gcd, self.max_weight, self.cw = step, highest, highest
    self.last_id = nil
end

function M.new(_, nodes)
    local copy, count = {}, 0
    for id, weight in pairs(nodes) do
        copy[id], count = weight, count + 1
    end
    local self = setmetatable({ nodes = copy }, mt)
    measure(self)
    -- workers do not all begin at the same node
    for _ = 1, count > 0 and random(0, count - 1) or 0 do
        self.last_id = next(copy, self.last_id)
    end
    return self
end

function M.reinit(self, nodes)
    local copy = {}
    for id, weight in pairs(nodes) do
        copy[id] = weight
    end
    self.nodes = copy
    measure(self)
end

function M.set(self, id, weight)
    weight = tonumber(weight) or 1
    self.nodes[id] = weight > 0 and weight or nil
    measure(self)
end

function M.delete(self, id)
    self:set(id, 0)
end

function M.incr(self, id, weight)
    self:set(id, (self.nodes[id] or 0) + (weight or 1))
end

function M.decr(self, id, weight)
    if self.nodes[id] then
        self:set(id, self.nodes[id] - (weight or 1))
    end
end

-- Each round takes the nodes whose weight reaches the current one; rounds go down by the common divisor.
function M.find(self)
    local nodes = self.nodes
    if next(nodes) == nil or self.max_weight <= 0 then
        return nil
    end
    local id = self.last_id
    while true do
        local weight
        id, weight = next(nodes, id)
        if id == nil then
            self.cw = self.cw - self.gcd
            if self.cw <= 0 then
                self.cw = self.max_weight
            end
        elseif weight >= self.cw then
            self.last_id = id
            return id
        end
    end
end
M.next = M.find

return M

-- resty.chash: consistent hashing over {id = weight}. Which key is on which node is stable here, but not what
-- OpenResty's library computes.
local crc32 = ngx.crc32_long
local floor, sort, tostring = math.floor, table.sort, tostring

local M = { _VERSION = "0.05" }
local mt = { __index = M }

local POINTS_PER_WEIGHT = 160

local function build(self)
    local points = {}
    for id, weight in pairs(self.nodes) do
        for i = 1, floor(weight * POINTS_PER_WEIGHT) do
            points[#points + 1] = { crc32(tostring(id) .. "\0" .. i), id }
        end
    end
    sort(points, function(a, b)
        if a[1] == b[1] then
            return tostring(a[2]) < tostring(b[2])
        end
        return a[1] < b[1]
    end)
    self.points = points
end

function M.new(_, nodes)
    local self = setmetatable({}, mt)
    self:reinit(nodes)
    return self
end

function M.reinit(self, nodes)
    self.nodes = {}
    for id, weight in pairs(nodes) do
        self.nodes[id] = weight
    end
    build(self)
end

function M.set(self, id, weight)
    weight = tonumber(weight) or 1
    self.nodes[id] = weight > 0 and weight or nil
    build(self)
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

-- The node of a key, and its place for next().
function M.find(self, key)
    local points = self.points
    local count = #points
    if count == 0 then
        return nil
    end
    local hash = crc32(tostring(key))
    local low, high = 1, count + 1
    while low < high do
        local middle = floor((low + high) / 2)
        if points[middle][1] >= hash then
            high = middle
        else
            low = middle + 1
        end
    end
    local place = low > count and 1 or low
    return points[place][2], place
end

function M.next(self, place)
    local count = #self.points
    if count == 0 then
        return nil
    end
    place = place % count + 1
    return self.points[place][2], place
end


return M

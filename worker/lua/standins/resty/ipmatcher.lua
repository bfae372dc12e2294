-- resty.ipmatcher: is an address one of these addresses and networks? The comparison is the gateway's own.
local address = require("gateway.address")

local M = { _VERSION = "0.6.1" }
local mt = { __index = M }

function M.parse_ipv4(text)
    return address.family(text) == 4 and address.number(text) or false
end

function M.parse_ipv6(text)
    if type(text) == "string" and text:match("^%[.*%]$") then
        text = text:sub(2, -2)
    end
    return address.family(text) == 6 and { address.words(text) } or false
end

local function make(list, with_value)
    if type(list) ~= "table" then
        error("missing valid ip argument", 2)
    end
    local rows = {}
    for key, value in pairs(list) do
        local text = with_value and key or value
        local network, err = address.network(text)
        if not network then
            return nil, "invalid ip address: " .. tostring(text), err
        end
        rows[#rows + 1] = { network = network, value = with_value and value or true }
    end
    -- the longest prefix first
    table.sort(rows, function(a, b) return address.bits(a.network) > address.bits(b.network) end)
    return setmetatable({ rows = rows }, mt)
end

function M.new(ips)
    return make(ips, false)
end

function M.new_with_value(ips)
    return make(ips, true)
end

function M.match(self, ip)
    if type(ip) ~= "string" then
        error("missing string ip argument", 2)
    end
    if not address.family(ip) then
        return false, "invalid ip address, not ipv4 and ipv6"
    end
    for _, row in ipairs(self.rows) do
        if address.contains(row.network, ip) then
            return row.value
        end
    end
    return false
end

function M.match_bin(self, bytes)
    local text = address.from_bytes(bytes)
    if not text then
        return false, "invalid ip address"
    end
    return self:match(text)
end

return M

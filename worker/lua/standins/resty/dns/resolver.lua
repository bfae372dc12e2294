-- resty.dns.resolver: A and AAAA records by the gateway's own resolver: `nameservers` of
-- new() are not asked. Other types of records are refused.
local lookup = require("gateway.resolver").lookup

local M = {
    _VERSION = "0.22", TYPE_A = 1, TYPE_NS = 2, TYPE_CNAME = 5, TYPE_SOA = 6, TYPE_PTR = 12, TYPE_MX = 15, TYPE_TXT = 16,
    TYPE_AAAA = 28, TYPE_SRV = 33, TYPE_SPF = 99, CLASS_IN = 1, SECTION_AN = 1, SECTION_NS = 2, SECTION_AR = 3,
}
local mt = { __index = M }

local TTL = 60

function M.new(_, opts)
    if not opts then
        return nil, "no options table specified"
    end
    if not opts.nameservers or #opts.nameservers == 0 then
        return nil, "no nameservers specified"
    end
    return setmetatable({ opts = opts }, mt)
end

function M.set_timeout() end
function M.destroy() end

-- {{name, type, class, ttl, address, section}, ...}; {errcode, errstr} where there is none.
function M.query(_, name, opts)
    local kind = opts and opts.qtype or M.TYPE_A
    if kind ~= M.TYPE_A and kind ~= M.TYPE_AAAA then
        return nil, "records of this type cannot be queried in this gateway"
    end
    local addresses, err = lookup(name)
    if not addresses then
        if err:find("timeout", 1, true) or err:find("timed out", 1, true) then
            return nil, err
        end
        return { errcode = 3, errstr = "name error" }
    end
    local out = {}
    for _, address in ipairs(addresses) do
        local is_v6 = address:find(":", 1, true) ~= nil
        if is_v6 == (kind == M.TYPE_AAAA) then
            out[#out + 1] = { name = name, type = kind, class = M.CLASS_IN, ttl = TTL, address = address,
                              section = M.SECTION_AN }
        end
    end
    return out
end
M.tcp_query = M.query

-- "1.2.3.4" -> "4.3.2.1.in-addr.arpa"
function M.arpa_str(address)
    local a, b, c, d = address:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
    if not a then
        return nil, "not an IPv4 address"
    end
    return ("%s.%s.%s.%s.in-addr.arpa"):format(d, c, b, a)
end

return M

-- core.dns.client: names by the gateway's own resolver: /etc/hosts, then the name servers of config.yaml.
local lookup = require("gateway.resolver").lookup
local log = require("apisix.core.log")
local json = require("apisix.core.json")
local random, ipairs, setmetatable = math.random, ipairs, setmetatable

local TYPE_A, TYPE_AAAA = 1, 28

local M = { RETURN_RANDOM = 1, RETURN_ALL = 2 }
local mt = { __index = M }

-- The resolver is one for the worker: it takes no options.
function M.new(_)
    return setmetatable({}, mt)
end

-- The resolver keeps names fresh: records are as good as static ones.
local TTL = 315360000

local function record(name, address)
    local is_v6 = address:find(":", 1, true) ~= nil
    return {
        name = name, address = is_v6 and "[" .. address .. "]" or address, class = 1, ttl = TTL,
        type = is_v6 and TYPE_AAAA or TYPE_A,
    }
end

-- resolve(name) -> one record of them | nil, why; with RETURN_ALL all of them.
function M.resolve(_, domain, selector)
    local addresses, err = lookup(domain)
    if not addresses then
        return nil, "failed to query the DNS server: " .. err
    end
    if selector == M.RETURN_ALL then
        local all = {}
        for i, address in ipairs(addresses) do
            all[i] = record(domain, address)
        end
        log.info("dns resolve ", domain, ", result: ", json.delay_encode(all))
        return all
    end
    local one = record(domain, addresses[random(1, #addresses)])
    log.info("dns resolve ", domain, ", result: ", json.delay_encode(one))
    return one
end

return M

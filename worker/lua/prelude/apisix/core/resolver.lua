-- core.resolver: addresses of names.
local log = require("apisix.core.log")
local utils = require("apisix.core.utils")
local json = require("apisix.core.json")
local RETURN_ALL = require("apisix.core.dns.client").RETURN_ALL

local M = {}

function M.init_resolver(args)
    utils.set_resolver(args and args.dns_resolver)
end

-- One address.
function M.parse_domain(host)
    local found, err = utils.dns_parse(host)
    if not found then
        log.error("failed to parse domain: ", host, ", error: ", err)
        return nil, err
    end
    if not found.address then
        return nil, "failed to parse domain"
    end
    log.info("dns resolver domain: ", host, " to ", found.address)
    return found.address
end

-- All of them, in order of their texts.
function M.parse_domain_all(host)
    local records, err = utils.dns_parse(host, RETURN_ALL)
    if not records then
        log.error("failed to parse domain: ", host, ", error: ", err)
        return nil, err
    end
    local addresses, seen = {}, {}
    for _, record in ipairs(records) do
        if record.address and not seen[record.address] then
            seen[record.address] = true
            addresses[#addresses + 1] = record.address
        end
    end
    if #addresses == 0 then
        return nil, "failed to parse domain"
    end
    table.sort(addresses)
    log.info("dns resolver domain: ", host, " to ", json.delay_encode(addresses))
    return addresses
end

return M

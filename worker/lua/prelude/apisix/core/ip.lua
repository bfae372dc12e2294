-- core.ip: sets of addresses and networks.
local ipmatcher = require("resty.ipmatcher")

local M = {}

function M.create_ip_matcher(ips)
    local matcher, err = ipmatcher.new(ips)
    if not matcher then
        require("apisix.core.log").error("failed to create ip matcher: ", err, " ip list: ",
            require("apisix.core.json").delay_encode(ips))
        return nil
    end
    return matcher
end

function M.validate_cidr_or_ip(ip)
    if type(ip) ~= "string" or ip == "" then
        return false
    end
    local address, bits = ip:match("^([^/]*)/(%d+)$")
    address = address or ip
    if ipmatcher.parse_ipv4(address) then
        return not bits or tonumber(bits) <= 32
    end
    if ipmatcher.parse_ipv6(address) then
        return not bits or tonumber(bits) <= 128
    end
    return false
end

return M

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

-- "10.0.0.0/8", "::1"; anything else is false.
function M.validate_cidr_or_ip(ip)
    local address, bits = ip:match("^([^/]*)/(.*)$")
    address = address or ip
    if bits then
        bits = tonumber(bits)
        if not bits or bits < 0 or bits > 128 then
            return false
        end
    end
    if ipmatcher.parse_ipv4(address) then
        return not bits or bits <= 32
    end
    return ipmatcher.parse_ipv6(address)
end

return M

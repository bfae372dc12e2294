-- apisix.utils.trusted-addresses: whether an address is one of apisix.trusted_addresses.
local core = require("apisix.core")

local M = {}
local matcher
local is_read = false

local function read()
    if not is_read then
        is_read = true
        local addresses = core.table.try_read_attr(core.config.local_conf(), "apisix", "trusted_addresses")
        if addresses then
            local err
            matcher, err = core.ip.create_ip_matcher(addresses)
            if not matcher then
                core.log.error("failed to create ip matcher for trusted_addresses: ", err)
            end
        end
    end
    return matcher
end

function M.init_worker() end

function M.is_configured()
    return read() ~= nil
end

function M.is_trusted(address)
    if not read() then
        return false
    end
    return matcher:match(address)
end

return M

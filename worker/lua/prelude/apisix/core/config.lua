-- core.config: the gateway keeps the configuration itself and gives scripts no watched copies of it: who asks for one
-- gets nil, as in APISIX before it has read the first version.
local util = require("apisix.core.config_util")

local M = {
    version = 0.3, type = "gateway", parse_time_unit = util.parse_time_unit, iterate_values = util.iterate_values,
    local_conf = require("apisix.core.config_local").local_conf,
}

function M.fetch_created_obj(_)
    return nil
end

function M.new(key, _)
    return nil, "configuration objects cannot be watched by scripts of this gateway: " .. tostring(key)
end

return M

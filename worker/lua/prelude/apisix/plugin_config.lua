-- apisix.plugin_config: stored plugin_configs. Watched from the first question on: that one and the next ones get nil
-- until they have been read.
local core = require("apisix.core")

local M = {}
local objects

local function watched()
    objects = objects or core.config.new("/plugin_configs", { automatic = true })
    return objects
end

function M.init_worker() end

function M.get(id)
    return watched():get(tostring(id))
end

function M.plugin_configs()
    return watched().values, watched().conf_version
end

return M

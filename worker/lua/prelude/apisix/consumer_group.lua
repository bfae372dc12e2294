-- apisix.consumer_group: stored consumer_groups. Watched from the first question on: that one and the next ones get nil
-- until they have been read.
local core = require("apisix.core")

local M = {}
local objects

local function watched()
    objects = objects or core.config.new("/consumer_groups", { automatic = true })
    return objects
end

function M.init_worker() end

function M.get(id)
    return watched():get(tostring(id))
end

function M.consumer_groups()
    return watched().values, watched().conf_version
end

return M

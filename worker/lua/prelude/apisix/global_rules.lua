-- apisix.global_rules: stored global rules, watched from the first question on.
local core = require("apisix.core")

local M = {}
local rules

local function watched()
    rules = rules or core.config.new("/global_rules", { automatic = true })
    return rules
end

function M.init_worker() end

function M.global_rules()
    return watched().values, watched().conf_version
end

function M.get_pre_index()
    return watched().prev_index
end

return M

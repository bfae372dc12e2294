-- core.config_local: config.yaml with its defaults.
local info = require("gateway.info")

local M = {}
local conf

function M.local_conf()
    conf = conf or info.config()
    return conf
end

function M.clear_cache()
    conf = nil
end

return M

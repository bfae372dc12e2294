-- apisix.discovery.init: the registries that config.yaml names.
local local_conf = require("apisix.core.config_local").local_conf

local discovery = {}
for name in pairs(local_conf().discovery or {}) do
    local ok, module = pcall(require, "apisix.discovery." .. name)
    if ok then
        discovery[name] = module
    end
end

function discovery.init_worker()
    for _, module in pairs(discovery) do
        if type(module) == "table" then
            module.init_worker()
        end
    end
end

return { version = 0.1, discovery = discovery }

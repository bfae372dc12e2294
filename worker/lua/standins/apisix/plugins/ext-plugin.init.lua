-- apisix.plugins.ext-plugin.init: plugins of other languages run in the gateway, not through scripts.
return {
    communicate = function()
        require("apisix.core.log").error("scripts of this gateway cannot call ext-plugin's runner")
        return 503
    end,
    init_worker = function() end, exit_worker = function() end,
}

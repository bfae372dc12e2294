-- apisix.debug: the gateway reads debug.yaml itself; there are no hooks of Lua functions.
return { dynamic_debug = function() end, enable_debug = function() return false end, init_worker = function() end }

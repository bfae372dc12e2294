-- apisix.script: the gateway runs scripts of routes itself.
return {
    load = function() return nil, "scripts are run by the gateway" end,
    run = function() return nil, "scripts are run by the gateway" end,
}

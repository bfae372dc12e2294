-- apisix.balancer: the gateway picks nodes itself, after the plugins.
return {
    pick_server = function() return nil, "nodes are picked by the gateway" end,
    set_balancer_opts = function() return nil, "nodes are picked by the gateway" end,
    run = function() return nil, "nodes are picked by the gateway" end,
    init_worker = function() end,
}

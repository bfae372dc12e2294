-- apisix.discovery.kubernetes: see gateway.discovery_module.
return require("gateway.discovery_module")("kubernetes")

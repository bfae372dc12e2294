-- apisix.discovery.consul: see gateway.discovery_module.
return require("gateway.discovery_module")("consul")

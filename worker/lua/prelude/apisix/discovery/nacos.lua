-- apisix.discovery.nacos: see gateway.discovery_module.
return require("gateway.discovery_module")("nacos")

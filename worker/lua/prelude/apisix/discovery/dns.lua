-- apisix.discovery.dns: see gateway.discovery_module.
return require("gateway.discovery_module")("dns")

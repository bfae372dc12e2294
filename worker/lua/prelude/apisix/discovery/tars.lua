-- apisix.discovery.tars: see gateway.discovery_module.
return require("gateway.discovery_module")("tars")

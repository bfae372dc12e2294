-- apisix.discovery.eureka: see gateway.discovery_module.
return require("gateway.discovery_module")("eureka")

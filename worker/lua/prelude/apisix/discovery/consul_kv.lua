-- apisix.discovery.consul_kv: see gateway.discovery_module.
return require("gateway.discovery_module")("consul_kv")

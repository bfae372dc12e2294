-- core.config_etcd: see core.config.
return require("apisix.core.config")

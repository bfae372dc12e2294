-- core.config_yaml: see core.config.
return require("apisix.core.config")

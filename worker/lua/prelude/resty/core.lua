-- resty.core: what it adds is in the gateway's own API. Here for require, and for its version.
return { version = "0.1.31" }

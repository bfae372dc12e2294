-- resty.core.pipe: in the gateway's own API.
return { version = "0.1.31" }

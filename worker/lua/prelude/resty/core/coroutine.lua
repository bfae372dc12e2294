-- resty.core.coroutine: in the gateway's own API.
return { version = "0.1.31" }

-- resty.openssl.rand: random bytes.
local crypto = require("gateway.crypto")

return { bytes = function(length) return crypto.random(length) end }

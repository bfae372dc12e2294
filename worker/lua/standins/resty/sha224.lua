-- resty.sha224: the digest, in pieces.
return require("gateway.digest_module")("sha224")

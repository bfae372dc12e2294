-- resty.sha256: the digest, in pieces.
return require("gateway.digest_module")("sha256")

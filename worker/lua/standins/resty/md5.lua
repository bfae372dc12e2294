-- resty.md5: the digest, in pieces.
return require("gateway.digest_module")("md5")

-- resty.sha512: the digest, in pieces.
return require("gateway.digest_module")("sha512")

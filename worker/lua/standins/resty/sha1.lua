-- resty.sha1: the digest, in pieces.
return require("gateway.digest_module")("sha1")

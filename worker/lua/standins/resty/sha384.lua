-- resty.sha384: the digest, in pieces.
return require("gateway.digest_module")("sha384")

-- base64
return {
    encode = function(text) return ngx.encode_base64(text) end,
    decode = function(text) return ngx.decode_base64(text) end,
}

-- mime: the codings of LuaSocket's module that scripts use.
return {
    _VERSION = "MIME 1.0.3",
    b64 = function(text) return text and ngx.encode_base64(text) or nil end,
    unb64 = function(text) return text and ngx.decode_base64(text) or nil end,
    qp = function(text)
        return text and (text:gsub("[^\32-\60\62-\126\r\n]", function(char) return ("=%02X"):format(char:byte()) end))
    end,
    unqp = function(text)
        return text and (text:gsub("=\r?\n", ""):gsub("=(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
    end,
}

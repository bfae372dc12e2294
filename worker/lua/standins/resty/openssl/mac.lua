-- resty.openssl.mac: HMAC in pieces.
local hmac = require("resty.openssl.hmac")

return {
    -- new(key, "HMAC", nil, digest)
    new = function(key, kind, _, digest)
        if kind ~= "HMAC" then
            return nil, "mac.new: invalid mac type \"" .. tostring(kind) .. "\""
        end
        return hmac.new(key, digest)
    end,
}

-- resty.rsa: RSA over resty.openssl.pkey. Keys are PEM.
local pkey = require("resty.openssl.pkey")

local M = {
    _VERSION = "1.1.1",
    PADDING = { RSA_PKCS1_PADDING = 1, RSA_SSLV23_PADDING = 2, RSA_NO_PADDING = 3, RSA_PKCS1_OAEP_PADDING = 4 },
    KEY_TYPE = { PKCS1 = "PKCS1", PKCS8 = "PKCS8" },
}
local mt = { __index = M }

-- A pair: public key, private key.
function M.generate_rsa_keys(_, bits)
    local key, err = pkey.new({ type = "RSA", bits = bits })
    if not key then
        return nil, nil, err
    end
    return key:to_PEM("public"), key:to_PEM("private")
end

-- {public_key | private_key, padding, algorithm}
function M.new(_, opts)
    local text = opts.public_key or opts.private_key
    if not text then
        return nil, "not found public_key or private_key"
    end
    local key, err = pkey.new(text)
    if not key then
        return nil, err
    end
    return setmetatable({
        key = key, padding = opts.padding or M.PADDING.RSA_PKCS1_PADDING,
        algorithm = (opts.algorithm or "sha256"):lower():gsub("^rsa%-", ""),
    }, mt)
end

function M:encrypt(text) return self.key:encrypt(text, self.padding) end
function M:decrypt(text) return self.key:decrypt(text, self.padding) end
function M:sign(text) return self.key:sign(text, self.algorithm) end

function M:verify(text, signature)
    local ok, err = self.key:verify(signature, text, self.algorithm)
    if not ok then
        return false, err or "Verification failed"
    end
    return true
end

return M

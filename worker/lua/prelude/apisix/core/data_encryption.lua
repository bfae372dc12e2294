-- core.data_encryption: AES-CBC with apisix.data_encryption.keyring; each key is its own IV, the first one encrypts.
local aes = require("resty.aes")
local log = require("apisix.core.log")
local try_read_attr = require("apisix.core.table").try_read_attr
local local_conf = require("apisix.core.config_local").local_conf

local M = {}

-- Ciphers of a key, or of a list of them: 16 bytes are AES-128, 32 AES-256.
function M.init_iv_tbl(keys)
    local ciphers = {}
    if type(keys) == "string" then
        keys = { keys }
    end
    for _, key in ipairs(type(keys) == "table" and keys or {}) do
        if #key == 16 or #key == 32 then
            ciphers[#ciphers + 1] = assert(aes:new(key, nil, aes.cipher(#key * 8, "cbc"), { iv = key:sub(1, 16) }))
        else
            log.error("ignored data_encryption keyring entry: expected a 16 byte (AES-128) or 32 byte (AES-256) key, got ",
                      #key, " bytes")
        end
    end
    return ciphers
end

function M.aes_cbc_encrypt(ciphers, value)
    if not ciphers[1] then
        return nil, "no keyring configured"
    end
    local encrypted = ciphers[1]:encrypt(value)
    if not encrypted then
        return nil, "failed to encrypt"
    end
    return ngx.encode_base64(encrypted)
end

-- `subject`: what it is, for the error.
function M.aes_cbc_decrypt(ciphers, value, subject)
    local what = subject and subject .. " " or ""
    local bytes = ngx.decode_base64(value)
    if not bytes then
        return nil, "base64 decode " .. what .. "failed"
    end
    for _, cipher in ipairs(ciphers) do
        local text = cipher:decrypt(bytes)
        if text then
            return text
        end
    end
    return nil, "decrypt " .. what .. "failed"
end

local own

local function keyring()
    own = own or M.init_iv_tbl(try_read_attr(local_conf(), "apisix", "data_encryption", "keyring"))
    return own
end

-- Without a keyring a value stays what it is.
function M.encrypt(value)
    if #keyring() == 0 then
        return value
    end
    local encrypted, err = M.aes_cbc_encrypt(keyring(), value)
    if not encrypted then
        log.error("failed to encrypt the data: ", err)
        return value
    end
    return encrypted
end

function M.decrypt(value, subject)
    if #keyring() == 0 then
        return value
    end
    return M.aes_cbc_decrypt(keyring(), value, subject)
end

return M

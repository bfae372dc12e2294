-- resty.openssl.cipher: AES in its modes, at once.
local crypto = require("gateway.crypto")

local M = { _VERSION = "1.5.1" }
local mt = { __index = M }

-- "aes-256-cbc"
function M.new(name)
    name = (name or ""):lower()
    local key_bytes = crypto.key_bytes(name)
    if key_bytes == 0 then
        return nil, "cipher.new: invalid cipher type \"" .. name .. "\""
    end
    local is_gcm = name:sub(-3) == "gcm"
    return setmetatable({ name = name, key_size = key_bytes, iv_size = name:sub(-3) == "ecb" and 0 or is_gcm and 12 or 16,
                          block_size = (name:sub(-3) == "cbc" or name:sub(-3) == "ecb") and 16 or 1,
                          is_gcm = is_gcm }, mt)
end

local function check(self, key, iv, what)
    if not key or #key ~= self.key_size then
        return nil, ("cipher:%s: incorrect key size, expect %d"):format(what, self.key_size)
    end
    if self.iv_size > 0 and (not iv or (not self.is_gcm and #iv ~= self.iv_size)) then
        return nil, ("cipher:%s: incorrect iv size, expect %d"):format(what, self.iv_size)
    end
    return true
end

function M:encrypt(key, iv, text, no_padding, additional)
    local ok, err = check(self, key, iv, "encrypt")
    if not ok then
        return nil, err
    end
    local out, tag = crypto.encrypt(self.name, key, iv or "", text, not no_padding, additional)
    if not out then
        return nil, "cipher:encrypt: " .. tag
    end
    self.tag = tag
    return out
end

function M:decrypt(key, iv, text, no_padding, additional, tag)
    local ok, err = check(self, key, iv, "decrypt")
    if not ok then
        return nil, err
    end
    local out, fault = crypto.decrypt(self.name, key, iv or "", text, not no_padding, additional, tag)
    if not out then
        return nil, "cipher:decrypt: " .. fault
    end
    return out
end

-- Of what was encrypted last, by GCM.
function M:get_aead_tag()
    if not self.tag then
        return nil, "cipher:get_aead_tag: nothing was encrypted"
    end
    return self.tag
end

-- In pieces: init(key, iv, {is_encrypt}), update(text ...), final([text]).
function M:init(key, iv, opts)
    self.call = { key = key, iv = iv, is_encrypt = opts and opts.is_encrypt, no_padding = opts and opts.no_padding,
                  pieces = {} }
    return check(self, key, iv, "init")
end

-- All comes from final().
function M:update(...)
    for _, text in ipairs({ ... }) do
        table.insert(self.call.pieces, text)
    end
    return ""
end

function M:final(text)
    local call = self.call
    local all = table.concat(call.pieces) .. (text or "")
    if call.is_encrypt then
        return self:encrypt(call.key, call.iv, all, call.no_padding)
    end
    return self:decrypt(call.key, call.iv, all, call.no_padding)
end

return M

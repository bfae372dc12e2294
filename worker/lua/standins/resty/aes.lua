-- resty.aes: AES with a key that is made of a password (EVP_BytesToKey), or with a key and an IV as they are.
local crypto = require "gateway.crypto"

local _M = { _VERSION = "0.16" }
local mt = { __index = _M }

-- Digests for new().
_M.hash = { md5 = "md5", sha1 = "sha1", sha224 = "sha224", sha256 = "sha256", sha384 = "sha384", sha512 = "sha512" }

-- nil: there is no such cipher.
function _M.cipher(size, mode)
  size = size or 128
  mode = mode or "cbc"
  local name = "aes-" .. size .. "-" .. mode
  if crypto.key_bytes(name) == 0 then return nil end
  return { size = size, cipher = mode, method = name }
end

-- The key and the IV as they are; `hash.method` may make the key of what is given.
local function take_key(key, cipher, hash, iv_length)
  local made = key
  if hash.method then made = hash.method(key) end
  if not made or #made ~= cipher.size / 8 then return nil, "bad key length" end
  if #hash.iv ~= iv_length then return nil, "bad iv length" end
  return made, hash.iv
end

function _M.new(_, key, salt, cipher, hash, hash_rounds, iv_length, enable_padding)
  cipher = cipher or _M.cipher()
  hash = hash or _M.hash.md5
  local made, iv
  if type(hash) == "table" then
    if not hash.iv then return nil, "iv is needed" end
    made, iv = take_key(key, cipher, hash, iv_length or (cipher.cipher == "gcm" and #hash.iv) or 16)
    if not made then return nil, iv end
  else
    if salt and #salt ~= 8 then return nil, "salt must be 8 characters or nil" end
    made, iv = crypto.derive_key(cipher.method, hash, salt, key, hash_rounds or 1)
    if not made then return nil, "failed to generate key and iv" end
  end
  local is_padded = enable_padding == nil or enable_padding
  return setmetatable({ method = cipher.method, key = made, iv = iv, is_gcm = cipher.cipher == "gcm",
                        is_padded = is_padded }, mt)
end

-- Of GCM: {encrypted, tag}.
function _M.encrypt(self, text, additional)
  local encrypted, tag = crypto.encrypt(self.method, self.key, self.iv, text, self.is_padded, additional)
  if not encrypted then return nil, tag end
  if self.is_gcm then return { encrypted, tag } end
  return encrypted
end

function _M.decrypt(self, text, tag, additional)
  return crypto.decrypt(self.method, self.key, self.iv, text, self.is_padded, additional, tag)
end

return _M

-- resty.evp: signatures by RSA and ECDSA over keys in PEM. Of ECDSA they are r and s side by side, as JSON Web
-- Signatures have them.
local crypto = require "gateway.crypto"

local _M = { _VERSION = "0.2.3" }
_M.CONST = { SHA256_DIGEST = "SHA256", SHA384_DIGEST = "SHA384", SHA512_DIGEST = "SHA512" }

local bits = { SHA256 = "256", SHA384 = "384", SHA512 = "512" }

local function class(fields)
  local made = fields or {}
  made.__index = made
  return made
end

local function key_of(self, pem)
  if type(pem) ~= "string" or not crypto.is_key(pem) then return nil, "not a key or certificate in PEM" end
  return setmetatable({ pem = pem }, self)
end

local function signer(family)
  local made = class()
  made.new = key_of
  function made.sign(self, text, digest)
    if not bits[digest] then return nil, "Unknown message digest" end
    return crypto.sign(family .. bits[digest], self.pem, text)
  end
  -- They are raw as they are.
  function made.get_raw_sig(_, signature) return signature end
  return made
end

-- `new` takes a Cert or a PublicKey.
local function verifier(family)
  local made = class()
  function made.new(self, source)
    if not source or not source.pem then return nil, "You must pass in an key source for a public key" end
    return setmetatable({ pem = source.pem }, self)
  end
  function made.verify(self, text, signature, digest)
    if not bits[digest] then return false, "Unknown message digest" end
    local verified, err = crypto.verify(family .. bits[digest], self.pem, text, signature)
    if verified == nil then return false, err end
    if not verified then return false, "Verification failed" end
    return true
  end
  return made
end

_M.RSASigner, _M.RSAVerifier = signer("RS"), verifier("RS")
_M.ECSigner, _M.ECVerifier = signer("ES"), verifier("ES")
_M.Cert = class({ new = key_of })
_M.PublicKey = class({ new = key_of })

return _M

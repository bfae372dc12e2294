-- resty.hmac: HMAC in pieces.
local crypto = require "gateway.crypto"
local str = require "resty.string"

local _M = { _VERSION = "0.06" }
local mt = { __index = _M }

_M.ALGOS = { MD5 = "md5", SHA1 = "sha1", SHA224 = "sha224", SHA256 = "sha256", SHA384 = "sha384", SHA512 = "sha512" }

function _M.new(_, key, algorithm)
  return setmetatable({ key = key, algorithm = algorithm or _M.ALGOS.MD5, pieces = {} }, mt)
end

function _M.update(self, text)
  self.pieces[#self.pieces + 1] = text
  return true
end

-- With a last piece; in hexadecimal when `as_hex`.
function _M.final(self, text, as_hex)
  if text then self:update(text) end
  local bytes = crypto.hmac(self.algorithm, self.key, table.concat(self.pieces))
  if not bytes then return nil end
  return as_hex and str.to_hex(bytes) or bytes
end

function _M.reset(self)
  self.pieces = {}
  return true
end

return _M

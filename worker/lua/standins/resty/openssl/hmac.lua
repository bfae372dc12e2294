-- resty.openssl.hmac: HMAC in pieces.
local crypto = require "gateway.crypto"

local _M = {}
local mt = { __index = _M }

function _M.new(key, digest)
  digest = digest or "sha1"
  if not crypto.hmac(digest, key, "") then return nil, "hmac.new: invalid digest type \"" .. digest .. "\"" end
  return setmetatable({ key = key, digest = digest, pieces = {} }, mt)
end

function _M.update(self, ...)
  for _, text in ipairs({ ... }) do self.pieces[#self.pieces + 1] = text end
  return true
end

function _M.final(self, text)
  if text then self:update(text) end
  return crypto.hmac(self.digest, self.key, table.concat(self.pieces))
end

function _M.reset(self)
  self.pieces = {}
  return true
end

return _M

-- resty.openssl.digest: digests in pieces.
local crypto = require "gateway.crypto"

local _M = {}
local mt = { __index = _M }

function _M.new(digest)
  digest = digest or "sha1"
  if not crypto.digest(digest, "") then return nil, "digest.new: invalid digest type \"" .. digest .. "\"" end
  return setmetatable({ digest = digest, pieces = {} }, mt)
end

function _M.update(self, ...)
  for _, text in ipairs({ ... }) do self.pieces[#self.pieces + 1] = text end
  return true
end

function _M.final(self, text)
  if text then self:update(text) end
  return crypto.digest(self.digest, table.concat(self.pieces))
end

function _M.reset(self)
  self.pieces = {}
  return true
end

return _M

-- What the stand-ins resty.md5, resty.sha1 ... have in common: a digest in pieces. The pieces are kept until
-- final(), which hashes them at once.
local crypto = require "gateway.crypto"

return function(name)
  local _M = { _VERSION = "0.16" }
  local mt = { __index = _M }

  function _M.new(_)
    return setmetatable({ pieces = {} }, mt)
  end

  -- `length`: of the front of the text, when not all of it counts.
  function _M.update(self, text, length)
    if length then text = text:sub(1, length) end
    self.pieces[#self.pieces + 1] = text
    return true
  end

  function _M.final(self)
    return crypto.digest(name, table.concat(self.pieces))
  end

  function _M.reset(self)
    self.pieces = {}
    return true
  end

  return _M
end

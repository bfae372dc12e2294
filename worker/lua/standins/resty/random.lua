-- resty.random: random bytes. They are always good enough for keys, whether `strong` is asked for or not.
local crypto = require "gateway.crypto"

local _M = { _VERSION = "0.16" }

function _M.bytes(length, _)
  return crypto.random(length)
end

return _M

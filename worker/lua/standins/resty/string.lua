-- resty.string: hexadecimal texts and numbers.
local crypto_hex = {}
for byte = 0, 255 do crypto_hex[string.char(byte)] = string.format("%02x", byte) end

local _M = { _VERSION = "0.16" }

function _M.to_hex(text)
  if type(text) ~= "string" then return nil end
  return (text:gsub(".", crypto_hex))
end

-- The number at the front of the text; 0 when there is none.
function _M.atoi(text)
  return tonumber(text:match("^%s*([+-]?%d+)") or 0)
end

return _M

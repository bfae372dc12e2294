-- sha1: digests and HMAC as hex and as bytes.
local to_hex = require("resty.string").to_hex

local M = { version = "0.6.0" }

function M.sha1(text) return to_hex(ngx.sha1_bin(text)) end
function M.binary(text) return ngx.sha1_bin(text) end
function M.hmac(key, text) return to_hex(ngx.hmac_sha1(key, text)) end
function M.hmac_binary(key, text) return ngx.hmac_sha1(key, text) end

return setmetatable(M, { __call = function(_, text) return M.sha1(text) end })

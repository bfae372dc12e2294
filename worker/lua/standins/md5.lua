-- md5: digests as bytes and as hex.
local to_hex = require("resty.string").to_hex

local M = { _VERSION = "1.3" }

function M.sum(text) return ngx.md5_bin(text) end
function M.sumhexa(text) return ngx.md5(text) end
M.tohex = to_hex

return M

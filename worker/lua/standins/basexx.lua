-- basexx: base 16, 32 and 64.
local to_hex = require("resty.string").to_hex

local M = {}
local BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

function M.to_hex(text) return to_hex(text):upper() end

function M.from_hex(text)
    if #text % 2 == 1 or text:find("%X") then
        return nil, "unexpected character"
    end
    return (text:gsub("%x%x", function(hex) return string.char(tonumber(hex, 16)) end))
end

function M.to_base64(text) return ngx.encode_base64(text) end
function M.from_base64(text) return ngx.decode_base64(text) end
function M.to_url64(text) return (ngx.encode_base64(text):gsub("+", "-"):gsub("/", "_"):gsub("=", "")) end

function M.from_url64(text)
    text = text:gsub("-", "+"):gsub("_", "/")
    return ngx.decode_base64(text .. ("="):rep(-#text % 4))
end

-- RFC 4648, section 6.
function M.to_base32(text)
    local out, bits, count = {}, 0, 0
    for i = 1, #text do
        bits, count = bits * 256 + text:byte(i), count + 8
        while count >= 5 do
            local high = math.floor(bits / 2 ^ (count - 5))
            out[#out + 1] = BASE32:sub(high + 1, high + 1)
            bits, count = bits - high * 2 ^ (count - 5), count - 5
        end
    end
    if count > 0 then
        local last = bits * 2 ^ (5 - count)
        out[#out + 1] = BASE32:sub(last + 1, last + 1)
    end
    return table.concat(out) .. ("="):rep(-#out % 8)
end

function M.from_base32(text, ignored)
    if ignored then
        text = text:gsub("[" .. ignored:gsub("[%^%]%-%%]", "%%%0") .. "]", "")
    end
    local out, bits, count = {}, 0, 0
    for char in text:upper():gsub("=", ""):gmatch(".") do
        local value = BASE32:find(char, 1, true)
        if not value then
            return nil, "unexpected character"
        end
        bits, count = bits * 32 + value - 1, count + 5
        if count >= 8 then
            local high = math.floor(bits / 2 ^ (count - 8))
            out[#out + 1] = string.char(high)
            bits, count = bits - high * 2 ^ (count - 8), count - 8
        end
    end
    return table.concat(out)
end

return M

-- dkjson: JSON by the gateway's own cjson.
local cjson = require("cjson.safe")

local M = { version = "dkjson 2.6", null = ngx.null }

function M.encode(value)
    local text, err = cjson.encode(value)
    if not text then
        error(err, 2)
    end
    return text
end

-- decode(text [, position [, null]]) -> value, the place behind it | nil, place, why. `null`: what null becomes.
function M.decode(text, position, null)
    local value, err = cjson.decode(position and position > 1 and text:sub(position) or text)
    if value == nil then
        return nil, position or 1, err
    end
    local function replace(one)
        if one == ngx.null then
            return null
        elseif type(one) == "table" then
            for key, inner in pairs(one) do
                one[key] = replace(inner)
            end
        end
        return one
    end
    return replace(value), #text + 1
end

function M.quotestring(text) return cjson.encode(text) end
function M.use_lpeg() return M end

return M

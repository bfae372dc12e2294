-- bit32: Lua 5.2's operations, over LuaJIT's: results are never negative.
local bit = require("bit")

local function unsigned(value)
    return value % 2 ^ 32
end

local function wrap(operation)
    return function(...)
        return unsigned(operation(...))
    end
end

local M = { bnot = wrap(bit.bnot), bxor = wrap(bit.bxor), bor = wrap(bit.bor) }

function M.band(...)
    if select("#", ...) == 0 then
        return 0xffffffff
    end
    return unsigned(bit.band(...))
end

function M.btest(...)
    return M.band(...) ~= 0
end

function M.lshift(value, count)
    if count < 0 then
        return M.rshift(value, -count)
    end
    return count > 31 and 0 or unsigned(bit.lshift(value, count))
end

function M.rshift(value, count)
    if count < 0 then
        return M.lshift(value, -count)
    end
    return count > 31 and 0 or unsigned(bit.rshift(value, count))
end

function M.arshift(value, count)
    return unsigned(bit.arshift(value, count > 31 and 31 or count))
end

function M.lrotate(value, count) return unsigned(bit.rol(value, count)) end
function M.rrotate(value, count) return unsigned(bit.ror(value, count)) end

function M.extract(value, field, width)
    return M.band(M.rshift(value, field), 2 ^ (width or 1) - 1)
end

function M.replace(value, with, field, width)
    local mask = 2 ^ (width or 1) - 1
    return M.bor(M.band(value, M.bnot(M.lshift(mask, field))), M.lshift(M.band(with, mask), field))
end

return M

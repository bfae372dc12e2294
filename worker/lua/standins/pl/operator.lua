-- pl.operator: operators as functions.
local M = {}

function M.call(f, ...) return f(...) end
function M.index(t, k) return t[k] end
function M.eq(a, b) return a == b end
function M.neq(a, b) return a ~= b end
function M.lt(a, b) return a < b end
function M.le(a, b) return a <= b end
function M.gt(a, b) return a > b end
function M.ge(a, b) return a >= b end
function M.len(a) return #a end
function M.add(a, b) return a + b end
function M.sub(a, b) return a - b end
function M.mul(a, b) return a * b end
function M.div(a, b) return a / b end
function M.pow(a, b) return a ^ b end
function M.mod(a, b) return a % b end
function M.concat(a, b) return a .. b end
function M.unm(a) return -a end
function M.lnot(a) return not a end
function M.land(a, b) return a and b end
function M.lor(a, b) return a or b end
function M.table(...) return { ... } end
function M.match(text, pattern) return text:find(pattern) ~= nil end
function M.nop() end

M.optable = {
    ["+"] = M.add, ["-"] = M.sub, ["*"] = M.mul, ["/"] = M.div, ["%"] = M.mod, ["^"] = M.pow, [".."] = M.concat,
    ["()"] = M.call, ["[]"] = M.index, ["<"] = M.lt, ["<="] = M.le, [">"] = M.gt, [">="] = M.ge, ["=="] = M.eq,
    ["~="] = M.neq, ["#"] = M.len, ["and"] = M.land, ["or"] = M.lor, ["{}"] = M.table, ["~"] = M.match, [""] = M.nop,
}

return M

-- tablepool: tables that are used again.
local new_tab, clear = require("table.new"), require("table.clear")

local MAX = 200
local pools = {}

local M = { _VERSION = "0.03" }

function M.fetch(tag, narr, nrec)
    local pool = pools[tag]
    if not pool then
        pool = {}
        pools[tag] = pool
        return new_tab(narr, nrec)
    end
    local count = #pool
    if count == 0 then
        return new_tab(narr, nrec)
    end
    local tab = pool[count]
    pool[count] = nil
    return tab
end

function M.release(tag, tab, noclear)
    if not tab then
        error("object empty", 2)
    end
    local pool = pools[tag]
    if not pool then
        pool = {}
        pools[tag] = pool
    end
    if not noclear then
        setmetatable(tab, nil)
        clear(tab)
    end
    if #pool < MAX then
        pool[#pool + 1] = tab
    end
end

return M

-- resty.core.base: what libraries take from it: tables of a size, and the request that runs.
local new_tab = require("table.new")

local M = { version = "0.1.31", new_tab = new_tab, clear_tab = require("table.clear"), FFI_OK = 0, FFI_NO_REQ_CTX = -100,
            FFI_BAD_CONTEXT = -101, FFI_ERROR = -1, FFI_AGAIN = -2, FFI_BUSY = -3, FFI_DONE = -4, FFI_DECLINED = -5 }

function M.allows_subsystem(...)
    for _, name in ipairs({ ... }) do
        if name == ngx.config.subsystem then
            return
        end
    end
    error("unsupported subsystem: " .. ngx.config.subsystem, 2)
end

return M

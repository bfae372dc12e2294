-- resty.signal: signals to processes by their names.
local ffi = require("ffi")
ffi.cdef [[
int kill(int pid, int sig);
char *strerror(int number);
]]

local M = { version = "0.03" }
local numbers = { NONE = 0, HUP = 1, INT = 2, QUIT = 3, ILL = 4, TRAP = 5, ABRT = 6, BUS = 7, FPE = 8, KILL = 9, USR1 = 10,
                  SEGV = 11, USR2 = 12, PIPE = 13, ALRM = 14, TERM = 15, CHLD = 17, CONT = 18, STOP = 19, TSTP = 20,
                  TTIN = 21, TTOU = 22, URG = 23, XCPU = 24, XFSZ = 25, VTALRM = 26, PROF = 27, WINCH = 28, IO = 29,
                  PWR = 30, SYS = 31 }

function M.signum(name)
    return numbers[name]
end

function M.kill(pid, sig)
    local number = type(sig) == "number" and sig or numbers[sig]
    if not number then
        error("unknown signal name: " .. tostring(sig), 2)
    end
    if ffi.C.kill(tonumber(pid), number) ~= 0 then
        return nil, ffi.string(ffi.C.strerror(ffi.errno()))
    end
    return true
end

return M

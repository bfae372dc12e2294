-- pl.compat: what differs between versions of Lua.
local M = {
    lua51 = true, jit = true, jit52 = false, is_windows = false, dir_separator = "/", load = load, setfenv = setfenv,
    getfenv = getfenv,
}

-- execute(command) -> true when it has ended with 0, its code
function M.execute(command)
    local result = os.execute(command)
    if type(result) == "boolean" then
        return result, result and 0 or 1
    end
    local code = result > 255 and math.floor(result / 256) or result
    return code == 0, code
end

return M

-- pl.file: whole files.
local utils = require("pl.utils")
local path = require("pl.path")

local M = {
    read = utils.readfile, write = utils.writefile, delete = os.remove, access_time = path.getatime,
    creation_time = path.getctime, modified_time = path.getmtime,
}

-- `to`: a file, or a folder.
local function target(from, to)
    return path.isdir(to) and path.join(to, path.basename(from)) or to
end

function M.copy(from, to)
    local text, err = utils.readfile(from, true)
    if not text then
        return false, err
    end
    local ok, fault = utils.writefile(target(from, to), text, true)
    return not not ok, fault
end

function M.move(from, to)
    local ok, err = os.rename(from, target(from, to))
    if ok then
        return true
    end
    -- another file system
    ok, err = M.copy(from, to)
    if not ok then
        return false, err
    end
    ok, err = os.remove(from)
    return not not ok, err
end

return M

-- pl.dir: folders and what they hold.
local files = require("gateway.files")
local path = require("pl.path")

local M = {}

local function list_of(values)
    return setmetatable(values, require("pl.List"))
end

local function names_of(folder, wanted, mask)
    local names, err = files.list(folder or ".")
    if not names then
        error("cannot open " .. tostring(folder) .. ": " .. err, 3)
    end
    table.sort(names)
    local out = {}
    for _, name in ipairs(names) do
        local full = path.join(folder or ".", name)
        if wanted(full) and (not mask or M.fnmatch(name, mask)) then
            out[#out + 1] = full
        end
    end
    return list_of(out)
end

-- "*.lua"
function M.fnmatch(name, mask)
    local pattern = mask:gsub("[%-%.%+%[%]%(%)%$%^%%]", "%%%1"):gsub("%*", ".*"):gsub("%?", ".")
    return name:find("^" .. pattern .. "$") ~= nil
end

function M.filter(names, mask)
    local out = {}
    for _, name in ipairs(names) do
        if M.fnmatch(name, mask) then
            out[#out + 1] = name
        end
    end
    return list_of(out)
end

function M.getfiles(folder, mask)
    return names_of(folder, path.isfile, mask)
end

function M.getdirectories(folder)
    return names_of(folder, path.isdir)
end

function M.getallfiles(folder, mask)
    local out = M.getfiles(folder, mask)
    for _, below in ipairs(M.getdirectories(folder)) do
        if not path.islink(below) then
            out:extend(M.getallfiles(below, mask))
        end
    end
    return out
end

-- Each folder below, with the names of its folders and of its files.
function M.walk(root, bottom_up)
    local rows = {}
    local function add(folder)
        local folders, names = list_of({}), list_of({})
        for _, one in ipairs(M.getdirectories(folder)) do
            folders:append(path.basename(one))
        end
        for _, one in ipairs(M.getfiles(folder)) do
            names:append(path.basename(one))
        end
        local row = { folder, folders, names }
        if not bottom_up then
            rows[#rows + 1] = row
        end
        for _, one in ipairs(folders) do
            add(path.join(folder, one))
        end
        if bottom_up then
            rows[#rows + 1] = row
        end
    end
    add(root)
    local i = 0
    return function()
        i = i + 1
        if rows[i] then
            return rows[i][1], rows[i][2], rows[i][3]
        end
        return nil
    end
end

function M.makepath(folder)
    if path.isdir(folder) then
        return true
    end
    local above = path.dirname(folder)
    if above ~= "" and not path.isdir(above) then
        local ok, err = M.makepath(above)
        if not ok then
            return nil, err
        end
    end
    return files.make_folder(folder)
end

function M.rmtree(folder)
    if not path.isdir(folder) or path.islink(folder) then
        return nil, "not a directory: " .. folder
    end
    for _, name in ipairs(files.list(folder) or {}) do
        local full = path.join(folder, name)
        local ok, err
        if path.isdir(full) and not path.islink(full) then
            ok, err = M.rmtree(full)
        else
            ok, err = os.remove(full)
        end
        if not ok then
            return nil, err
        end
    end
    return files.remove_folder(folder)
end

function M.copyfile(from, to)
    return require("pl.file").copy(from, to)
end

function M.movefile(from, to)
    return require("pl.file").move(from, to)
end

return M

-- pl.path: names of files, and what is there.
local files = require("gateway.files")
local utils = require("pl.utils")
local assert_string = utils.assert_string
local concat = table.concat

local M = { sep = "/", dirsep = ":", is_windows = false }

local function attribute(name, field, follows)
    local status = files.stat(assert_string(1, name), follows ~= false)
    return status and status[field] or nil
end

function M.attrib(name, field)
    local status, err, code = files.stat(assert_string(1, name), true)
    if not status then
        return nil, "cannot obtain information from file '" .. name .. "': " .. err, code
    end
    return field and status[field] or status
end

function M.exists(name) return attribute(name, "mode") and name or false end
function M.isdir(name) return attribute(name, "mode") == "directory" end
function M.isfile(name) return attribute(name, "mode") == "file" end
function M.islink(name) return attribute(name, "mode", false) == "link" end
function M.getsize(name) return attribute(name, "size") end
function M.getatime(name) return attribute(name, "access") end
function M.getmtime(name) return attribute(name, "modification") end
function M.getctime(name) return attribute(name, "change") end
function M.currentdir() return files.current_folder() end
function M.chdir(name) return files.change_folder(name) end
function M.mkdir(name) return files.make_folder(name) end
function M.rmdir(name) return files.remove_folder(name) end
function M.link_attrib(name) return (files.stat(name, false)) end

function M.dir(name)
    local names, err = files.list(name)
    if not names then
        error("cannot open " .. name .. ": " .. err, 2)
    end
    local i = 0
    return function()
        i = i + 1
        return names[i]
    end
end

function M.isabs(name)
    return assert_string(1, name):sub(1, 1) == "/"
end

-- "/a/b.c" -> "/a", "b.c"
function M.splitpath(name)
    local folder, file = assert_string(1, name):match("^(.*)/([^/]*)$")
    return folder or "", file or name
end

-- "/a/b.c" -> "/a/b", ".c"
function M.splitext(name)
    local root, extension = assert_string(1, name):match("^(.*)(%.[^/.]*)$")
    return root or name, extension or ""
end

function M.dirname(name) return (M.splitpath(name)) end
function M.basename(name) return select(2, M.splitpath(name)) end
function M.extension(name) return select(2, M.splitext(name)) end

function M.join(first, second, ...)
    assert_string(1, first)
    assert_string(2, second)
    if select("#", ...) > 0 then
        return M.join(M.join(first, second), ...)
    end
    if M.isabs(second) then
        return second
    end
    if first ~= "" and first:sub(-1) ~= "/" then
        first = first .. "/"
    end
    return first .. second
end

function M.normcase(name)
    return assert_string(1, name)
end

-- "a//b/../c/./" -> "a/c"
function M.normpath(name)
    assert_string(1, name)
    local is_absolute = M.isabs(name)
    local parts = {}
    for part in name:gmatch("[^/]+") do
        if part == ".." and #parts > 0 and parts[#parts] ~= ".." then
            parts[#parts] = nil
        elseif part ~= "." then
            parts[#parts + 1] = part
        end
    end
    local out = (is_absolute and "/" or "") .. concat(parts, "/")
    return out == "" and "." or out
end

function M.abspath(name, folder)
    folder = folder or M.currentdir()
    if not M.isabs(name) then
        name = folder:gsub("/$", "") .. "/" .. name
    end
    return M.normpath(name)
end

function M.relpath(name, start)
    local to, from = {}, {}
    for part in M.abspath(name):gmatch("[^/]+") do
        to[#to + 1] = part
    end
    for part in M.abspath(start or M.currentdir()):gmatch("[^/]+") do
        from[#from + 1] = part
    end
    local same = 0
    while to[same + 1] ~= nil and to[same + 1] == from[same + 1] do
        same = same + 1
    end
    local out = {}
    for _ = same + 1, #from do
        out[#out + 1] = ".."
    end
    for i = same + 1, #to do
        out[#out + 1] = to[i]
    end
    return concat(out, "/")
end

function M.common_prefix(a, b)
    if #a > #b then
        a, b = b, a
    end
    for i = 1, #a do
        if a:sub(i, i) ~= b:sub(i, i) then
            local same = a:sub(1, i - 1)
            return same:sub(-1) == "/" and same or M.dirname(same)
        end
    end
    return M.isdir(a) and a or M.dirname(a)
end

function M.expanduser(name)
    if assert_string(1, name):sub(1, 1) ~= "~" then
        return name
    end
    local home = os.getenv("HOME")
    if not home then
        return nil, "no HOME"
    end
    return home .. name:sub(2)
end

M.tmpname = os.tmpname

-- Where require would find a module.
function M.package_path(module)
    return package.searchpath(module, package.path)
end

return M

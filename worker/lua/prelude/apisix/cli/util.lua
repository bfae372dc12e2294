-- apisix.cli.util: small things that plugins take from APISIX's command line.
local M = {}

function M.trim(text)
    return (text:match("^%s*(.-)%s*$"))
end

-- `separator`: a pattern.
function M.split(text, separator)
    local out, at = {}, 1
    while true do
        local first, last = text:find(separator, at)
        if not first or last < first then
            out[#out + 1] = text:sub(at)
            return out
        end
        out[#out + 1] = text:sub(at, first - 1)
        at = last + 1
    end
end

function M.read_file(name)
    local file, err = io.open(name, "rb")
    if not file then
        return false, "failed to open file: " .. name .. ", error info:" .. err
    end
    local text, fault = file:read("*all")
    file:close()
    if not text then
        return false, "failed to read file: " .. name .. ", error info:" .. fault
    end
    return text
end

function M.write_file(name, text)
    local file, err = io.open(name, "w+")
    if not file then
        return false, "failed to open file: " .. name .. ", error info:" .. err
    end
    local ok, fault = file:write(text)
    file:close()
    if not ok then
        return false, "failed to write file: " .. name .. ", error info:" .. fault
    end
    return true
end

function M.file_exists(name)
    return require("gateway.files").stat(name, true) ~= nil
end

-- What the command prints, without the line feed at its end. It blocks the worker.
function M.execute_cmd(command)
    local file, err = io.popen(command)
    if not file then
        return nil, "failed to execute command: " .. command .. ", error info: " .. err
    end
    local text, fault = file:read("*all")
    file:close()
    if not text then
        return nil, "failed to read execution result of: " .. command .. ", error info: " .. tostring(fault)
    end
    return text
end

function M.die(...)
    error(table.concat({ ... }), 0)
end

function M.is_32bit_arch()
    return false
end

return M

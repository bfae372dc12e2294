-- resty.shell: runs a command without blocking the worker, and takes what it prints.
local pipe = require("ngx.pipe")
local spawn, wait, kill = ngx.thread.spawn, ngx.thread.wait, ngx.thread.kill

local M = { version = "0.03" }

local TIMEOUT = 10000
local SIZE_MAX = 128 * 1024
local SIGKILL = 9

-- Reads until the end, at most `size_max` bytes: the text, and whether it was too much.
local function reader(process, name, size_max)
    return function()
        local pieces, size = {}, 0
        while true do
            local piece, err = process[name](process, size_max - size + 1)
            if not piece then
                return name, table.concat(pieces), err ~= "closed" and err or nil
            end
            size = size + #piece
            if size > size_max then
                pieces[#pieces + 1] = piece:sub(1, #piece - (size - size_max))
                return name, table.concat(pieces), "too much data"
            end
            pieces[#pieces + 1] = piece
        end
    end
end

-- run(command [, stdin [, timeout in ms [, size_max]]]) -> ok, stdout, stderr, reason, status
function M.run(command, stdin, timeout, size_max)
    timeout, size_max = timeout or TIMEOUT, size_max or SIZE_MAX
    local process, err = pipe.spawn(command)
    if not process then
        return nil, nil, nil, "failed to spawn: " .. tostring(err)
    end
    process:set_timeouts(timeout, timeout, timeout, timeout)
    if stdin and stdin ~= "" then
        local bytes, fault = process:write(stdin)
        if not bytes and fault ~= "closed" then
            process:kill(SIGKILL)
            return nil, nil, nil, "failed to write to stdin: " .. fault
        end
    end
    process:shutdown("stdin")
    local output = { stdout_read_any = "", stderr_read_any = "" }
    local threads = { spawn(reader(process, "stdout_read_any", size_max)),
                      spawn(reader(process, "stderr_read_any", size_max)) }
    local fault
    for i = 1, 2 do
        local ok, name, text, problem = wait(threads[i])
        if ok then
            output[name] = text
            fault = fault or problem
        end
        if fault then
            if threads[i + 1] then
                kill(threads[i + 1])
            end
            process:kill(SIGKILL)
            break
        end
    end
    if fault then
        return nil, output.stdout_read_any, output.stderr_read_any, fault
    end
    local ok, reason, status = process:wait()
    if ok == nil and reason == "timeout" then
        process:kill(SIGKILL)
    end
    return ok, output.stdout_read_any, output.stderr_read_any, reason, status
end

return M

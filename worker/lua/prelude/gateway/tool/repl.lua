-- apisix lua repl: evaluates lines. Globals stay, locals end with their line; errors do not end it.
local host = require("gateway.host")
local inspect = require("inspect")
local ngx, io, debug = ngx, io, debug
local loadstring, select, xpcall, tostring, type, setmetatable = loadstring, select, xpcall, tostring, type, setmetatable

local M = {}

local function show(ok, ...)
    if not ok then
        io.stderr:write(tostring((...)), "\n")
        return false
    end
    local texts = {}
    for i = 1, select("#", ...) do
        texts[i] = inspect((select(i, ...)))
    end
    if #texts > 0 then
        io.write(table.concat(texts, "\t"), "\n")
    end
    return true
end

-- An expression, or statements; nil and why it is neither; true: it goes on in the next line.
local function compile(text)
    local chunk = loadstring("return " .. text, "=line")
    if chunk then
        return chunk
    end
    local err
    chunk, err = loadstring(text, "=line")
    return chunk, err, err ~= nil and err:find("'<eof>'", 1, true) ~= nil
end

-- On a light thread: one that computes without an end is stopped alone.
local function evaluate(chunk)
    local thread = ngx.thread.spawn(function()
        ngx.sleep(0) -- in a turn of its own: it has the whole of lua.cpu_limit, and ends alone
        return xpcall(chunk, function(err)
            return type(err) == "string" and debug.traceback(err, 2) or inspect(err)
        end)
    end)
    local function unwrap(has_ended, ...)
        if not has_ended then
            return false, ...
        end
        return ...
    end
    return show(unwrap(ngx.thread.wait(thread)))
end

local function prompt(text)
    if host.is_terminal() then
        io.write(text)
        io.flush()
    end
end

function M.run()
    io.stdout:setvbuf("line")
    local spec = require("gateway.tool.request")
    setmetatable(_G, { __index = { gateway = spec, inspect = inspect } })
    _G.print = spec.print
    local is_well, text = true, ""
    while true do
        prompt(text == "" and "> " or ">> ")
        local line = host.read_line()
        if not line then
            break
        end
        text = text .. line
        if text:find("%S") then
            local chunk, err, goes_on = compile(text)
            if chunk then
                is_well = evaluate(chunk) and is_well
                text = ""
            elseif goes_on then
                text = text .. "\n"
            else
                io.stderr:write(err, "\n")
                is_well, text = false, ""
            end
        else
            text = ""
        end
    end
    if text ~= "" then
        local _, err = compile(text)
        io.stderr:write(tostring(err), "\n")
        is_well = false
    end
    return is_well
end

return M

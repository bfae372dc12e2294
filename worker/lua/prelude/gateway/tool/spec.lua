-- Tests in busted's words: describe, it, before_each, after_each, setup, teardown, pending, finally. A file is run in
-- two passes: describe() collects, then the tests run in their order, each on a light thread of its own, so that one
-- that computes or waits for ever ends alone.
local assertions = require("gateway.tool.assert")
local request = require("gateway.tool.request")
local inspect = require("inspect")
local ngx, debug, table, io, error = ngx, debug, table, io, error
local type, tostring, ipairs, pairs, xpcall, loadfile, setfenv, setmetatable =
    type, tostring, ipairs, pairs, xpcall, loadfile, setfenv, setmetatable

local M = {}

local TEST_SECONDS_MAX = 60

local function new_block(name, outer)
    return { name = name, outer = outer, children = {}, setup = {}, teardown = {}, before_each = {}, after_each = {} }
end

-- The first line of `trace` in this file.
local function place_in(trace, file)
    local name = file:gsub("[%-%.%+%[%]%(%)%$%^%%%*%?]", "%%%0")
    local line = trace:match(name .. ":(%d+)")
    return line and file .. ":" .. line or file
end

local function describe_error(err, file)
    local trace = debug.traceback("", 2)
    if type(err) == "table" and err.is_assertion then
        return { is_assertion = true, message = tostring(err.message), place = place_in(trace, file) }
    end
    local text = type(err) == "string" and err or inspect(err)
    local lines = {}
    for line in trace:gmatch("[^\n]+") do
        if not line:find("prelude/gateway/tool/", 1, true) then
            lines[#lines + 1] = line
        end
    end
    return { message = text, place = place_in(text .. "\n" .. trace, file), trace = table.concat(lines, "\n") }
end

-- nil, or what went wrong.
local function protected(f, file)
    local thread = ngx.thread.spawn(function()
        ngx.sleep(0) -- in a turn of its own: it has the whole of lua.cpu_limit, and ends alone
        local ok, fault = xpcall(f, function(err) return describe_error(err, file) end)
        return ok and "ok" or fault
    end)
    local clock = ngx.thread.spawn(function()
        ngx.sleep(TEST_SECONDS_MAX)
        return "late"
    end)
    local has_ended, result = ngx.thread.wait(thread, clock)
    if result == "late" then
        ngx.thread.kill(thread)
        return { message = ("it has not ended after %d s"):format(TEST_SECONDS_MAX), place = file }
    end
    ngx.thread.kill(clock)
    if not has_ended then
        return { message = tostring(result), place = place_in(tostring(result), file) }
    end
    return result ~= "ok" and result or nil
end

local function words(state)
    local env = {
        assert = assertions.assert, spy = assertions.spy, stub = assertions.stub, match = { _ = assertions.anything },
        gateway = request, inspect = inspect, print = request.print,
    }
    function env.describe(name, body)
        local block = new_block(name, state.block)
        table.insert(state.block.children, block)
        state.block = block
        body()
        state.block = block.outer
    end
    env.context, env.insulate, env.expose = env.describe, env.describe, env.describe
    function env.it(name, body)
        local line = debug.getinfo(2, "l").currentline
        table.insert(state.block.children, { name = name, body = body, line = line, is_test = true, block = state.block })
    end
    env.spec, env.test = env.it, env.it
    function env.pending(name)
        if state.is_running then
            state.pending = name or "pending"
            error({ is_assertion = true, message = state.pending })
        end
        table.insert(state.block.children, { name = name, is_test = true, is_pending = true, block = state.block })
    end
    function env.finally(body)
        state.finally = body
    end
    local kinds = { setup = "setup", lazy_setup = "setup", strict_setup = "setup", teardown = "teardown",
        lazy_teardown = "teardown", strict_teardown = "teardown", before_each = "before_each", after_each = "after_each" }
    for word, kind in pairs(kinds) do
        env[word] = function(body)
            table.insert(state.block[kind], body)
        end
    end
    -- Modules with shared tests see the words too.
    for word, value in pairs(env) do
        _G[word] = word == "assert" and assertions.plain_assert or value
    end
    return setmetatable(env, { __index = _G })
end

local function full_name(node)
    local names = { node.name }
    local block = node.block
    while block and block.name do
        table.insert(names, 1, block.name)
        block = block.outer
    end
    return table.concat(names, " ")
end

-- Outer ones first.
local function blocks_of(block)
    local list = {}
    while block do
        table.insert(list, 1, block)
        block = block.outer
    end
    return list
end

local function run_body(state, node)
    state.finally, state.pending = nil, nil
    local blocks = blocks_of(node.block)
    local fault = protected(function()
        for _, block in ipairs(blocks) do
            for _, hook in ipairs(block.before_each) do
                hook()
            end
        end
        node.body()
    end, state.file)
    local after = protected(function()
        if state.finally then
            state.finally()
        end
        for i = #blocks, 1, -1 do
            for _, hook in ipairs(blocks[i].after_each) do
                hook()
            end
        end
    end, state.file)
    assertions.revert_all()
    return fault or after
end

local function run_test(state, node)
    local result = { name = full_name(node), place = state.file .. ":" .. (node.line or 0), status = "passed", seconds = 0 }
    state.results[#state.results + 1] = result
    if node.is_pending or not node.body then
        result.status = "pending"
        return
    end
    request.forget_log()
    ngx.update_time()
    local begun = ngx.now()
    local fault = run_body(state, node)
    ngx.update_time()
    result.seconds = ngx.now() - begun
    if state.pending then
        result.status = "pending"
    elseif fault then
        result.status = fault.is_assertion and "failed" or "error"
        result.message, result.trace = fault.message, fault.trace
        result.place = fault.place ~= state.file and fault.place or result.place
        result.log = request.kept_log()
    end
end

local function has_tests(node, filter)
    if node.is_test then
        return not filter or full_name(node):find(filter, 1, true) ~= nil
    end
    for _, child in ipairs(node.children) do
        if has_tests(child, filter) then
            return true
        end
    end
    return false
end

local function note_fault(state, block, what, fault)
    local name = block.name and full_name({ name = block.name, block = block.outer }) or "file"
    state.results[#state.results + 1] = {
        name = name .. " (" .. what .. ")", status = "error", message = fault.message, place = fault.place, trace = fault.trace,
        log = request.kept_log(), seconds = 0,
    }
end

local function run_hooks(state, block, kind)
    local fault = protected(function()
        for _, hook in ipairs(block[kind]) do
            hook()
        end
    end, state.file)
    if fault then
        note_fault(state, block, kind, fault)
    end
    return fault == nil
end

local function run_block(state, block)
    if not has_tests(block, state.filter) then
        return
    end
    if run_hooks(state, block, "setup") then
        for _, child in ipairs(block.children) do
            if not child.is_test then
                run_block(state, child)
            elseif has_tests(child, state.filter) then
                run_test(state, child)
            end
        end
    end
    run_hooks(state, block, "teardown")
end

-- Plugins that have a file and do not load: tests run without them.
local function tell_load_failures()
    for _, line in ipairs(request.kept_log()) do
        if line:find("failed to load plugin", 1, true) and not line:find("it is looked for at", 1, true) then
            io.stderr:write(line:match("[^\n]+"), "\n")
        end
    end
    request.forget_log()
end

-- {file, tests = {{name, status = "passed" | "failed" | "error" | "pending", place, message, trace, log, seconds}}}
function M.run_file(file, filter)
    local state = { file = file, filter = filter, results = {}, block = new_block() }
    local root = state.block
    tell_load_failures()
    local chunk, err = loadfile(file)
    local fault
    if not chunk then
        fault = { message = err, place = place_in(err, file) }
    else
        setfenv(chunk, words(state))
        fault = protected(chunk, file)
    end
    if fault then
        note_fault(state, root, "load", fault)
    else
        state.is_running = true
        run_block(state, root)
    end
    request.reset()
    return { file = file, tests = state.results }
end

return M

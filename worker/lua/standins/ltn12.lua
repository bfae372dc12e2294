-- ltn12: sources, sinks and pumps, as LuaSocket has them.
local M = { BLOCKSIZE = 2048, source = {}, sink = {}, pump = {}, filter = {} }

function M.source.empty() return function() return nil end end
function M.source.error(err) return function() return nil, err end end

function M.source.string(text)
    if not text then
        return M.source.empty()
    end
    local at = 1
    return function()
        local piece = text:sub(at, at + M.BLOCKSIZE - 1)
        at = at + M.BLOCKSIZE
        return piece ~= "" and piece or nil
    end
end

function M.source.table(pieces)
    local i = 0
    return function()
        i = i + 1
        return pieces[i]
    end
end

function M.source.file(file, err)
    if not file then
        return M.source.error(err or "unable to open file")
    end
    return function()
        local piece = file:read(M.BLOCKSIZE)
        if not piece then
            file:close()
        end
        return piece
    end
end

function M.source.simplify(source)
    return function()
        local piece, err = source()
        return piece, err
    end
end

-- A sink gets pieces, and nil (with an error, or none) at the end.
function M.sink.table(pieces)
    pieces = pieces or {}
    return function(piece)
        if piece then
            pieces[#pieces + 1] = piece
        end
        return 1
    end, pieces
end

function M.sink.null() return function() return 1 end end
function M.sink.error(err) return function() return nil, err end end

function M.sink.file(file, err)
    if not file then
        return M.sink.error(err or "unable to open file")
    end
    return function(piece)
        if not piece then
            file:close()
            return 1
        end
        return file:write(piece)
    end
end

function M.filter.chain(...)
    local filters = { ... }
    return function(piece)
        for _, filter in ipairs(filters) do
            piece = filter(piece)
        end
        return piece
    end
end

function M.source.chain(source, filter)
    return function()
        local piece, err = source()
        if err then
            return nil, err
        end
        return piece and filter(piece) or nil
    end
end

function M.sink.chain(filter, sink)
    return function(piece, err)
        return sink(piece and filter(piece), err)
    end
end

function M.pump.step(source, sink)
    local piece, err = source()
    local ok, fault = sink(piece, err)
    if piece and ok then
        return 1
    end
    return nil, err or fault
end

function M.pump.all(source, sink, step)
    step = step or M.pump.step
    while true do
        local ok, err = step(source, sink)
        if not ok then
            if err then
                return nil, err
            end
            return 1
        end
    end
end

return M

-- gateway.body_socket: ngx.req.socket(): the request's body as a socket that can only be read. The gateway reads the
-- body when the first bytes of it are asked for; it goes to the node all the same.
local body = require("gateway.body")
local ngx = ngx

local methods = {}
local mt = { __index = methods }

-- The rest of the body is less than what was asked for.
local function closed(self)
    local rest = body.sub(self.at, -1)
    self.at = body.size() + 1
    return nil, "closed", rest
end

local function take(self, count)
    local piece = body.sub(self.at, self.at + count - 1)
    self.at = self.at + count
    return piece
end

local function left(self)
    if not self.is_read then
        self.is_read = true
        ngx.req.read_body()
    end
    return body.size() - self.at + 1
end

function methods:receive(pattern)
    local rest = left(self)
    pattern = pattern or "*l"
    if type(pattern) == "number" then
        if pattern < 0 then
            error("bad argument #1 to 'receive' (bad pattern argument)", 2)
        end
        if pattern > rest or rest == 0 then
            return closed(self)
        end
        return take(self, pattern)
    end
    if pattern == "*a" then
        return take(self, rest)
    end
    if pattern ~= "*l" then
        error("bad argument #1 to 'receive' (bad pattern argument: " .. tostring(pattern) .. ")", 2)
    end
    local at = body.find("\n", self.at)
    if not at then
        return closed(self)
    end
    return (take(self, at - self.at + 1):gsub("[\r\n]", ""))
end

function methods:receiveany(max)
    if type(max) ~= "number" or max <= 0 then
        error("bad argument #1 to 'receiveany' (bad max argument)", 2)
    end
    local rest = left(self)
    if rest == 0 then
        return nil, "closed"
    end
    return take(self, math.min(max, rest))
end

-- The iterator gives what is in front of `text`; with a size in pieces, and nil behind the last of them.
function methods:receiveuntil(text, options)
    if type(text) ~= "string" or text == "" then
        return nil, "pattern is empty"
    end
    local inclusive = options and options.inclusive
    local has_ended = false
    return function(size)
        if has_ended then
            has_ended = false
            return nil, nil, nil
        end
        local rest = left(self)
        local at = body.find(text, self.at)
        local ahead = at and at - self.at or rest
        if size and size > 0 and (at and size < ahead or not at and size <= ahead) then
            return take(self, size)
        end
        if not at then
            return closed(self)
        end
        has_ended = size ~= nil and size > 0
        local piece = take(self, ahead)
        local mark = take(self, #text)
        return inclusive and piece .. mark or piece
    end
end

function methods:settimeout() end
function methods:settimeouts() end

return {
    open = function(raw)
        if raw then
            return nil, "raw request sockets are not supported by this gateway"
        end
        local refusal = body.refusal()
        if refusal then
            return nil, refusal
        end
        return setmetatable({ at = 1, is_read = false }, mt)
    end,
}

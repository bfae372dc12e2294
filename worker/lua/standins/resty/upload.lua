-- resty.upload: the parts of a multipart/form-data body as they come.
--
--   local form = upload:new(chunk_size)
--   form:read() -> "header", {name, value, line} | "body", piece | "part_end" | "eof" | nil, nil, why
local M = { _VERSION = "0.11" }
local mt = { __index = M }

local CHUNK_BYTES = 4096
local LINE_MAX = 512

local function boundary_of()
    local header = ngx.req.get_headers()["content-type"]
    if type(header) == "table" then
        header = header[1]
    end
    if not header then
        return nil
    end
    return header:match(';%s*boundary="([^"]+)"') or header:match(";%s*boundary=([^\",;%s]+)")
end

function M.new(_, chunk_bytes, line_max, keeps_body)
    local boundary = boundary_of()
    if not boundary then
        return nil, "no boundary defined in Content-Type"
    end
    local sock, err = ngx.req.socket()
    if not sock then
        return nil, err
    end
    return setmetatable({
        sock = sock, size = chunk_bytes or CHUNK_BYTES, line_size = line_max or LINE_MAX, boundary = boundary,
        read_until = sock:receiveuntil("\r\n--" .. boundary), state = "begin", preserve_body = keeps_body,
    }, mt)
end

function M:set_timeout(time)
    self.sock:settimeout(time)
end

-- Behind a boundary: "--" is the end of all.
local function begin_part(self)
    local two, err = self.sock:receive(2)
    if not two then
        return nil, nil, err
    end
    if two == "--" then
        self.state = "eof"
        return "part_end"
    end
    if two ~= "\r\n" then
        local _, fault = self.sock:receive("*l")
        if fault then
            return nil, nil, fault
        end
    end
    self.state = "header"
    return "part_end"
end

local function read_header(self)
    local line, err = self.sock:receive("*l")
    if not line then
        return nil, nil, err
    end
    if #line > self.line_size then
        return nil, nil, "line too long: " .. line:sub(1, self.line_size) .. "..."
    end
    if line == "" then
        self.state = "body"
        return self:read()
    end
    local name, value = line:match("^([^:%s]+)%s*:%s*(.*)$")
    if not name then
        return "header", line
    end
    return "header", { name, value, line }
end

local read_body
function read_body(self)
    local piece, err = self.read_until(self.size)
    if err then
        return nil, nil, err
    end
    if piece == "" then
        return read_body(self)  -- behind it comes the end of the part
    elseif piece then
        return "body", piece
    end
    return begin_part(self)
end

-- What is in front of the first part does not count.
local function read_preamble(self)
    local delimiter = "--" .. self.boundary
    while true do
        local line, err = self.sock:receive("*l")
        if not line then
            return nil, nil, err
        end
        if line:sub(1, #delimiter) == delimiter then
            if line:sub(#delimiter + 1, #delimiter + 2) == "--" then
                self.state = "eof"
            else
                self.state = "header"
            end
            return self:read()
        end
    end
end

function M:read()
    if self.state == "header" then
        return read_header(self)
    elseif self.state == "body" then
        return read_body(self)
    elseif self.state == "begin" then
        return read_preamble(self)
    end
    return "eof", nil
end

return M

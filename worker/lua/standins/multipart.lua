-- multipart: the parts of a multipart/form-data body, read and written.
--
--   local form = require("multipart")(body, content_type)
--   form:get("field").value
local M = {}
local mt = { __index = M }

local function boundary_of(content_type)
    if type(content_type) ~= "string" then
        return nil
    end
    return content_type:match('boundary="([^"]+)"') or content_type:match("boundary=([^%s;,]+)")
end

local function read_part(text)
    local head, value = text:match("^(.-)\r?\n\r?\n(.*)$")
    if text:find("^\r?\n") then
        head, value = "", text:gsub("^\r?\n", "", 1)
    end
    if not head then
        return nil
    end
    local part = { headers = {}, value = value }
    for line in (head .. "\n"):gmatch("(.-)\r?\n") do
        if line ~= "" then
            part.headers[#part.headers + 1] = line
            if line:lower():find("^content%-disposition:") then
                part.name = line:match('[;%s]name="([^"]*)"') or line:match("[;%s]name=([^%s;]+)")
                part.filename = line:match('filename="([^"]*)"') or line:match("filename=([^%s;]+)")
            end
        end
    end
    return part.name and part or nil
end

local function read_parts(body, boundary)
    local parts = {}
    local delimiter = "--" .. boundary
    local text = "\r\n" .. body
    local at, last = text:find("\n" .. delimiter, 1, true)
    while at do
        if text:sub(last + 1, last + 2) == "--" then
            break
        end
        local line_end = text:find("\n", last + 1, true)
        local next_at, next_last = text:find("\n" .. delimiter, last + 1, true)
        if not line_end then
            break
        end
        local stop = next_at and next_at - 1 or #text
        if next_at and text:byte(stop) == 13 then
            stop = stop - 1
        end
        parts[#parts + 1] = read_part(text:sub(line_end + 1, stop))
        at, last = next_at, next_last
    end
    return parts
end

local function new(_, body, content_type)
    local boundary = boundary_of(content_type)
    local self = { body = body, content_type = content_type, _boundary = boundary, _parts = {} }
    if boundary and type(body) == "string" then
        self._parts = read_parts(body, boundary)
    end
    return setmetatable(self, mt)
end

-- The part with this name, or the one at `index` among those with it.
function M:get(name, index)
    local count = 0
    for _, part in ipairs(self._parts) do
        if part.name == name then
            count = count + 1
            if not index or count == index then
                return part
            end
        end
    end
    return nil
end

-- {name = value}; of a name that is there twice the last one.
function M:get_all()
    local out = {}
    for _, part in ipairs(self._parts) do
        out[part.name] = part.value
    end
    return out
end

function M:get_as_array(name)
    local out = {}
    for _, part in ipairs(self._parts) do
        if part.name == name then
            out[#out + 1] = part.value
        end
    end
    return out
end

function M:get_all_as_arrays()
    local out = {}
    for _, part in ipairs(self._parts) do
        out[part.name] = out[part.name] or {}
        table.insert(out[part.name], part.value)
    end
    return out
end

-- {name = value}, or a list of them where a name is there twice.
function M:get_all_with_arrays()
    local out = self:get_all_as_arrays()
    for name, values in pairs(out) do
        if #values == 1 then
            out[name] = values[1]
        end
    end
    return out
end

local function make_part(name, value, filename, content_type)
    local disposition = ('Content-Disposition: form-data; name="%s"'):format(name)
    if filename then
        disposition = disposition .. ('; filename="%s"'):format(filename)
    end
    local part = { name = name, filename = filename, value = value, headers = { disposition } }
    if content_type then
        part.headers[2] = "Content-Type: " .. content_type
    end
    return part
end

-- In the place of the part with this name, or at the end.
function M:set_simple(name, value, filename, content_type)
    local made = make_part(name, value, filename, content_type)
    for i, part in ipairs(self._parts) do
        if part.name == name then
            self._parts[i] = made
            return
        end
    end
    table.insert(self._parts, made)
end

function M:set_simple_index(name, value, filename, content_type)
    table.insert(self._parts, make_part(name, value, filename, content_type))
end

function M:delete(name, index)
    local count = 0
    for i, part in ipairs(self._parts) do
        if part.name == name then
            count = count + 1
            if not index or count == index then
                table.remove(self._parts, i)
                return
            end
        end
    end
end

-- The body.
function M:tostring()
    local boundary = self._boundary
    if not boundary then
        return nil
    end
    local out = {}
    for _, part in ipairs(self._parts) do
        out[#out + 1] = "--" .. boundary
        for _, header in ipairs(part.headers) do
            out[#out + 1] = header
        end
        out[#out + 1] = ""
        out[#out + 1] = tostring(part.value)
    end
    out[#out + 1] = "--" .. boundary .. "--\r\n"
    return table.concat(out, "\r\n")
end

return setmetatable({}, { __call = new })

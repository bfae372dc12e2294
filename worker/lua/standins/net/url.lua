-- net.url: URLs taken apart and put together.
local M = { version = "1.1.0" }
local mt = {}
mt.__index = M

local function set_of(signs)
    local out = {}
    for sign in signs:gmatch(".") do
        out[sign] = true
    end
    return out
end

-- What stays as it is beside letters and digits; users may change it.
M.options = {
    separator = "&",
    query_plus_is_space = true,
    legal_in_path = set_of(":-_.!~*'()@&=$,;"),
    legal_in_query = set_of(":-_.,!~*';()@$"),
}
local LEGAL_IN_NAME = set_of("-_.")

local PORTS = { http = 80, https = 443, ftp = 21, ws = 80, wss = 443 }

local function decode(text)
    return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function decode_value(text)
    return decode(M.options.query_plus_is_space and text:gsub("+", " ") or text)
end

local function encode(text, legal)
    return (tostring(text):gsub("%W", function(c) return legal[c] and c or string.format("%%%02X", c:byte()) end))
end

local query_mt = {}

function M.buildQuery(tab, sep, prefix)
    local keys, parts = {}, {}
    for key in pairs(tab) do
        keys[#keys + 1] = key
    end
    table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
    for _, key in ipairs(keys) do
        local name = encode(key, LEGAL_IN_NAME)
        name = prefix and prefix .. "[" .. name .. "]" or name
        local value = tab[key]
        if type(value) == "table" then
            parts[#parts + 1] = M.buildQuery(value, sep, name)
        elseif value == "" then
            parts[#parts + 1] = name
        else
            parts[#parts + 1] = name .. "=" .. encode(value, M.options.legal_in_query)
        end
    end
    return table.concat(parts, sep or M.options.separator)
end
query_mt.__tostring = M.buildQuery

function M.parseQuery(text)
    local out = setmetatable({}, query_mt)
    for pair in text:gmatch("[^&;]+") do
        local name, value = pair:match("^([^=]*)=?(.*)$")
        name = decode_value(name)
        local base, member = name:match("^([^%[]+)%[([^%]]*)%]$")
        if base then
            out[base] = type(out[base]) == "table" and out[base] or {}
            out[base][tonumber(member) or (member == "" and #out[base] + 1) or member] = decode_value(value)
        else
            out[name] = decode_value(value)
        end
    end
    return out
end

function M.setQuery(self, query)
    self.query = type(query) == "table" and setmetatable(query, query_mt) or M.parseQuery(tostring(query))
    return query
end

function M.setAuthority(self, authority)
    self.authority, self.port, self.host, self.userinfo, self.user, self.password = authority, nil, nil, nil, nil, nil
    local rest = authority
    local userinfo, behind = rest:match("^([^@]*)@(.*)$")
    if userinfo then
        self.userinfo, rest = userinfo, behind
        self.user, self.password = userinfo:match("^([^:]*):?(.*)$")
        if self.password == "" then
            self.password = nil
        end
    end
    local host, port = rest:match("^(%[[^%]]*%]):?(%d*)$")
    if not host then
        host, port = rest:match("^([^:]*):?(%d*)$")
    end
    self.host = host and host:lower()
    self.port = tonumber(port)
    return authority
end

function M.build(self)
    local out = self.path or ""
    if self.host then
        local authority = (self.userinfo and self.userinfo .. "@" or "") .. self.host
        if self.port and self.port ~= PORTS[self.scheme] then
            authority = authority .. ":" .. self.port
        end
        out = "//" .. authority .. ((out ~= "" and out:sub(1, 1) ~= "/") and "/" or "") .. out
    end
    if self.scheme then
        out = self.scheme .. ":" .. out
    end
    local query = self.query and tostring(self.query) or ""
    if query ~= "" then
        out = out .. "?" .. query
    end
    if self.fragment then
        out = out .. "#" .. self.fragment
    end
    return out
end
mt.__tostring = M.build

function M.parse(text)
    local self = setmetatable({}, mt)
    local rest = tostring(text or "")
    rest = rest:gsub("#(.*)$", function(fragment) self.fragment = fragment return "" end)
    rest = rest:gsub("^(%a[%w+.-]*):", function(scheme) self.scheme = scheme:lower() return "" end)
    rest = rest:gsub("%?(.*)$", function(query) M.setQuery(self, query) return "" end)
    rest = rest:gsub("^//([^/]*)", function(authority) M.setAuthority(self, authority) return "" end)
    self.path = rest:gsub("[^/]+", function(segment) return encode(decode(segment), M.options.legal_in_path) end)
    self.query = self.query or setmetatable({}, query_mt)
    return self
end

-- Another segment behind the path: `url / "name"`.
function M.addSegment(self, segment)
    if type(segment) == "string" then
        self.path = self.path .. "/" .. encode(segment:gsub("^/+", ""), M.options.legal_in_path)
    end
    return self
end
mt.__div = M.addSegment

function mt.__concat(a, b)
    return tostring(a) .. tostring(b)
end

function M.removeDotSegments(path)
    local kept = {}
    for segment in path:gmatch("[^/]+") do
        if segment == ".." then
            kept[#kept] = nil
        elseif segment ~= "." then
            kept[#kept + 1] = segment
        end
    end
    local first = path:sub(1, 1) == "/" and "/" or ""
    local ends_open = path:find("/%.?%.?$") ~= nil
    return first .. table.concat(kept, "/") .. (#kept > 0 and ends_open and "/" or "")
end

function M.normalize(self)
    self = type(self) == "string" and M.parse(self) or self
    self.path = M.removeDotSegments(self.path or "")
    return self
end

function M.resolve(self, other)
    self = type(self) == "string" and M.parse(self) or self
    local target = type(other) == "string" and M.parse(other) or other
    if target.scheme then
        return target
    end
    local out = M.parse(M.build(self))
    out.fragment = target.fragment
    if target.host then
        M.setAuthority(out, target.authority)
        out.path, out.query = target.path, target.query
        return out
    end
    if target.path ~= "" then
        out.path = target.path:sub(1, 1) == "/" and target.path or (out.path:match("^(.*/)") or "/") .. target.path
        out.path = M.removeDotSegments(out.path)
        out.query = target.query
    elseif next(target.query) then
        out.query = target.query
    end
    return out
end

return M

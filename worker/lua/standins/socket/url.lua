-- socket.url: URLs in pieces and back, as LuaSocket has them.
local M = { _VERSION = "URL 1.0.3" }

function M.escape(text)
    return (text:gsub("[^%w%-_%.~]", function(char) return ("%%%02x"):format(char:byte()) end))
end

function M.unescape(text)
    return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

function M.parse(url, default)
    local parsed = {}
    for key, value in pairs(default or parsed) do
        parsed[key] = value
    end
    if not url or url == "" then
        return nil, "invalid url"
    end
    url = url:gsub("#(.*)$", function(fragment) parsed.fragment = fragment return "" end)
    url = url:gsub("^(%a[%w+.-]*):", function(scheme) parsed.scheme = scheme return "" end)
    url = url:gsub("^//([^/?]*)", function(authority) parsed.authority = authority return "" end)
    url = url:gsub("%?(.*)$", function(query) parsed.query = query return "" end)
    url = url:gsub(";(.*)$", function(params) parsed.params = params return "" end)
    if url ~= "" then
        parsed.path = url
    end
    local authority = parsed.authority
    if not authority then
        return parsed
    end
    authority = authority:gsub("^([^@]*)@", function(userinfo) parsed.userinfo = userinfo return "" end)
    authority = authority:gsub(":(%d*)$", function(port) parsed.port = port ~= "" and port or nil return "" end)
    if authority ~= "" then
        parsed.host = authority:match("^%[(.+)%]$") or authority
    end
    if parsed.userinfo then
        parsed.user, parsed.password = parsed.userinfo:match("^([^:]*):(.*)$")
        parsed.user = parsed.user or parsed.userinfo
    end
    return parsed
end

function M.build(parsed)
    local url = parsed.path or ""
    if parsed.params then url = url .. ";" .. parsed.params end
    if parsed.query then url = url .. "?" .. parsed.query end
    local authority = parsed.authority
    if parsed.host then
        authority = parsed.host:find(":", 1, true) and "[" .. parsed.host .. "]" or parsed.host
        if parsed.port then authority = authority .. ":" .. tostring(parsed.port) end
        local userinfo = parsed.userinfo
        if parsed.user then
            userinfo = parsed.password and parsed.user .. ":" .. parsed.password or parsed.user
        end
        if userinfo then authority = userinfo .. "@" .. authority end
    end
    if authority then url = "//" .. authority .. url end
    if parsed.scheme then url = parsed.scheme .. ":" .. url end
    if parsed.fragment then url = url .. "#" .. parsed.fragment end
    return url
end

function M.parse_path(path)
    local parsed = { is_absolute = path:sub(1, 1) == "/" and 1 or nil, is_directory = path:sub(-1) == "/" and 1 or nil }
    for part in path:gmatch("[^/]+") do
        parsed[#parsed + 1] = M.unescape(part)
    end
    return parsed
end

return M

-- core.utils: addresses, templates of variables, and small things.
local string = require("apisix.core.string")
local log = require("apisix.core.log")
local re_split = require("ngx.re").split
local re_gsub, re_match = ngx.re.gsub, ngx.re.match
local type, tonumber, tostring, ipairs = type, tonumber, tostring, ipairs

local M = { version = 0.2 }

-- A seed of the kernel's random bytes.
function M.get_seed_from_urandom()
    local file, err = io.open("/dev/urandom", "rb")
    if not file then
        return nil, "failed to open /dev/urandom: " .. err
    end
    local bytes = file:read(8)
    file:close()
    local seed = 0
    for i = 1, 8 do
        seed = 256 * seed + bytes:byte(i)
    end
    return seed
end

function M.split_uri(uri)
    return re_split(uri, "/")
end

-- "host:port", "[v6]:port", "host"
function M.parse_addr(addr)
    local host, port = addr:match("^(%[[^%]]+%]):(%d+)$")
    if host then
        return host, tonumber(port)
    end
    if addr:match("^%[[^%]]+%]$") then
        return addr, nil
    end
    host, port = addr:match("^([^:]*):(%d+)$")
    if host then
        return host, tonumber(port)
    end
    return addr, nil
end

function M.uri_safe_encode(uri)
    return (uri:gsub("[^%w%-._~/]", function(c) return ("%%%02X"):format(c:byte()) end))
end

function M.validate_header_field(field)
    for i = 1, #field do
        local byte = field:byte(i)
        if byte == 58 or byte == 0 or byte == 10 or byte == 13 then
            return false
        end
    end
    return true
end

function M.validate_header_value(value)
    if type(value) ~= "string" then
        return true
    end
    for i = 1, #value do
        local byte = value:byte(i)
        if byte == 0 or byte == 10 or byte == 13 then
            return false
        end
    end
    return true
end

-- $name, ${name}, ${name ?? default}; "\$" is a dollar.
local function resolve(text, ctx_var, escape)
    if type(text) ~= "string" or not text:find("$", 1, true) then
        return text, nil, 0
    end
    local missing, count = nil, 0
    local out, _, err = re_gsub(text, [[(?<!\\)\$(\{\s*([a-zA-Z0-9_.-]+)\s*(?:\?\?\s*((?:(?!\}).)*?)\s*)?\}|[a-zA-Z_][a-zA-Z0-9_.]*)]],
        function(m)
            local name = m[2] or m[1]
            local value = ctx_var[name]
            if value == nil then
                local default = m[3]
                if default then
                    return default
                end
                missing = true
                return ""
            end
            count = count + 1
            value = tostring(value)
            return escape and escape(value) or value
        end, "jo")
    if not out then
        return nil, err
    end
    return (out:gsub("\\%$", "$")), nil, count
end
M.resolve_var = resolve

-- $1 ... of captures.
function M.resolve_var_with_captures(text, captures)
    return (text:gsub("%$(%d)", function(number) return captures[tonumber(number)] or "" end))
end

function M.dns_parse(domain, selector)
    return require("apisix.core.resolver").parse_domain(domain, selector)
end

function M.gethostname()
    local file = io.open("/proc/sys/kernel/hostname")
    local name = file and file:read("*l")
    if file then
        file:close()
    end
    return name or os.getenv("HOSTNAME") or "unknown"
end

function M.sleep(seconds)
    return ngx.sleep(seconds)
end

function M.check_https(fields, conf, plugin_name)
    for _, field in ipairs(fields) do
        local value = require("apisix.core.table").get(conf, field)
        if type(value) == "string" and string.has_prefix(value, "http://") then
            log.warn("Using ", plugin_name, " " .. field .. " with no TLS is a security risk")
        elseif type(value) == "table" then
            for _, one in ipairs(value) do
                if type(one) == "string" and string.has_prefix(one, "http://") then
                    log.warn("Using ", plugin_name, " " .. field .. " with no TLS is a security risk")
                end
            end
        end
    end
end

function M.check_tls_bool(fields, conf, plugin_name)
    for _, field in ipairs(fields) do
        if conf[field] == false then
            log.warn("Keeping ", field, " disabled in ", plugin_name, " configuration is a security risk")
        end
    end
end

function M.get_root_conf(path, conf, field, fallback)
    return conf, field
end

-- Whether some process of that id runs.
function M.proc_running(pid)
    local file = io.open("/proc/" .. pid .. "/stat")
    if file then
        file:close()
    end
    return file ~= nil
end

function M.get_last_index(text, key)
    local rev = text:reverse()
    local at = rev:find(key, 1, true)
    return at and #text - at + 1
end

function M.is_ipv4(text)
    return type(text) == "string" and re_match(text, [[^(?:\d{1,3}\.){3}\d{1,3}$]], "jo") ~= nil
end

return M

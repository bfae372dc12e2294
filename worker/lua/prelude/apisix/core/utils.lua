-- core.utils: addresses, templates of variables, and small things.
local string = require("apisix.core.string")
local log = require("apisix.core.log")
local re_split = require("ngx.re").split
local ipmatcher = require("resty.ipmatcher")
local re_gsub, re_find = ngx.re.gsub, ngx.re.find
local type, tonumber, tostring, ipairs = type, tonumber, tostring, ipairs

local M = { version = 0.2, parse_ipv4 = ipmatcher.parse_ipv4, parse_ipv6 = ipmatcher.parse_ipv6 }

-- A seed of the kernel's random bytes.
function M.get_seed_from_urandom()
    local file, err = io.open("/dev/urandom", "rb")
    if not file then
        return nil, "failed to open /dev/urandom: " .. err
    end
    local bytes = file:read(8)
    file:close()
    if not bytes then
        return nil, "failed to read data from /dev/urandom"
    end
    local seed = 0
    for i = 1, 8 do
        seed = 256 * seed + bytes:byte(i)
    end
    return seed
end

function M.split_uri(uri)
    return re_split(uri, "/")
end

-- "host:port", "[v6]:port"; what has two colons and neither brackets nor a dot is an address without a port.
function M.parse_addr(addr)
    if addr:byte(1) == 91 then
        local host, port = addr:match("^(%[.*%]):([^:]*)$")
        if not host then
            return addr, nil
        end
        return host, tonumber(port)
    end
    if addr:find("^[^.:]*:[^.:]*:") then
        return addr, nil
    end
    local host, port = addr:match("^(.*):([^:]+)$")
    if not host then
        return addr, nil
    end
    return host, tonumber(port)
end

local function to_percent(char)
    return ("%%%02X"):format(char:byte())
end

-- Of what nginx escapes in a URI: white space, '#', '%', '?', controls and bytes above ASCII.
function M.uri_safe_encode(uri)
    return (uri:gsub('[%z\1-\32#%%?"<>\\^`{|}\127-\255]', to_percent))
end

function M.escape_uri_control_chars(uri)
    return (uri:gsub("[%z\1-\31\127]", to_percent))
end

-- Visible ASCII without a colon.
function M.validate_header_field(field)
    return not field:find("[^\33-\57\59-\126]")
end

function M.validate_header_value(value)
    return type(value) ~= "string" or not value:find("[^\32-\126]")
end

local NAMED = [[(?<!\\)\$(\{\s*([^}]+?)\s*\}|([\w\.]+))]]

-- $name, ${name}, ${name ?? default}. Gives the text, a fault, and how many were replaced; a "\$" stays as it is.
function M.resolve_var(template, vars, escape)
    if not template or not string.find(template, "$") then
        return template, nil, 0
    end
    local count = 0
    local text, _, err = re_gsub(template, NAMED, function(m)
        local name, default = m[2] or m[3], nil
        local from, to = re_find(name, [[\s*\?\?\s*]], "jo")
        if from then
            name, default = name:sub(1, from - 1), name:sub(to + 1)
            if name == "" then
                name = default
            end
        end
        local value = vars[name]
        if value == nil then
            value = default
        end
        if value == nil then
            return ""
        end
        count = count + 1
        value = tostring(value)
        return escape and escape(value) or value
    end, "jo")
    if not text then
        return nil, err
    end
    return text, nil, count
end

-- $1, ${1}: of captures.
function M.resolve_var_with_captures(template, captures)
    if not template or not string.find(template, "$") then
        return template, nil
    end
    local text, _, err = re_gsub(template, [[(?<!\\)\$\{?(\d+)\}?]], function(m)
        return captures and captures[tonumber(m[1])] or ""
    end, "jo")
    if not text then
        return nil, err
    end
    return text, nil
end

local resolvers

function M.set_resolver(list)
    resolvers = list
end

function M.get_resolver()
    return resolvers or require("apisix.core.table").try_read_attr(
        require("apisix.core.config_local").local_conf(), "apisix", "dns_resolver")
end

-- One record of the name, or all of them by dns_client.RETURN_ALL. The gateway's resolver is asked, whose name servers
-- are those of config.yaml.
function M.dns_parse(domain, selector)
    local client = require("apisix.core.dns.client").new({})
    return client:resolve(domain, selector)
end

local hostname

function M.gethostname()
    if not hostname then
        local file = io.open("/proc/sys/kernel/hostname")
        hostname = file and file:read("*l") or "unknown"
        if file then
            file:close()
        end
    end
    return hostname
end

-- In steps of a second, so that a stop of the worker ends it.
function M.sleep(seconds)
    while seconds > 1 do
        ngx.sleep(1)
        if ngx.worker.exiting() then
            return
        end
        seconds = seconds - 1
    end
    return ngx.sleep(seconds)
end

-- The table that holds the last name of "a.b.c", and that name.
local function holder_of(path, conf)
    local last
    for name in path:gmatch("[^.]+") do
        if last then
            conf = conf[last]
            if type(conf) ~= "table" then
                return nil
            end
        end
        last = name
    end
    return conf, last
end

local function warn_of_plain(value, field, plugin_name)
    if not re_find(value, "^https", "jo") then
        log.warn("Using ", plugin_name, " ", field, " with no TLS is a security risk")
    end
end

function M.check_https(fields, conf, plugin_name)
    for _, field in ipairs(fields) do
        local holder, name = holder_of(field, conf)
        local value = holder and holder[name]
        if type(value) == "table" then
            for _, one in ipairs(value) do
                warn_of_plain(one, field, plugin_name)
            end
        elseif value then
            warn_of_plain(value, field, plugin_name)
        end
    end
end

function M.check_tls_bool(fields, conf, plugin_name)
    for _, field in ipairs(fields) do
        local holder, name = holder_of(field, conf)
        if not holder then
            return
        end
        local value = holder[name]
        if value ~= true and value ~= nil then
            log.warn("Keeping ", field, " disabled in ", plugin_name, " configuration is a security risk")
        end
    end
end

function M.set_var_rate_limiting_info(ctx, key, limit, remaining, reset)
    if not ctx then
        return
    end
    ctx.var.rate_limiting_info = ('{"rate_limiting_key":"%s","rate_limiting_limit":%d,"rate_limiting_remaining":%d,'
        .. '"rate_limiting_reset":%d}'):format(key or "", limit or 0, tonumber(remaining) or 0, reset or 0)
end

-- RFC 9562, 5.7: the milliseconds, then a counter that makes those of one millisecond ascend, then random bits.
local last_ms, counter = 0, 0

function M.generate_uuid_v7()
    local ms = math.floor(ngx.now() * 1000)
    if ms > last_ms then
        last_ms, counter = ms, 0
    else
        counter = counter + 1
        if counter > 0x3ffff then
            last_ms, counter = last_ms + 1, 0
        end
    end
    local high, low = math.floor(last_ms / 0x10000), last_ms % 0x10000
    local random = math.random
    return ("%08x-%04x-%04x-%02x%02x-%04x%04x%04x"):format(high, low, 0x7000 + math.floor(counter / 64),
        0x80 + counter % 64, random(0, 255), random(0, 65535), random(0, 65535), random(0, 65535))
end

-- Whether some process of that id runs.
function M.proc_running(pid)
    local file = io.open("/proc/" .. pid .. "/stat")
    if file then
        file:close()
    end
    return file ~= nil
end

return M

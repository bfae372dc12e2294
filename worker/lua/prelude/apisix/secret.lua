-- apisix.secret: what stands for a secret. The gateway has replaced references before a plugin sees its configuration; here are
-- those that a plugin comes upon elsewhere. What $secret:// names is known to the gateway alone: such texts stay as they are.
local core = require("apisix.core")
local env = require("apisix.core.env")
local byte, type, pairs = string.byte, type, pairs

local M = {}

local SECRET, ENV = "$secret://", "$ENV://"

local function has_prefix(text, prefix)
    return text:sub(1, #prefix):upper() == prefix:upper()
end

-- With the schema of the field: only one that may be a text is a reference.
function M.is_secret_ref(value, schema)
    if type(value) ~= "string" or byte(value, 1) ~= 36 then -- $
        return false
    end
    if schema and schema.type and schema.type ~= "string" then
        return false
    end
    return value:sub(1, #SECRET) == SECRET or has_prefix(value, ENV)
end

local function holds_ref(conf, seen)
    if seen[conf] then
        return false
    end
    seen[conf] = true
    for _, value in pairs(conf) do
        if M.is_secret_ref(value) or (type(value) == "table" and holds_ref(value, seen)) then
            return true
        end
    end
    return false
end

function M.has_secret_ref(conf)
    return type(conf) == "table" and holds_ref(conf, {})
end

function M.check_secret_uri(uri)
    if type(uri) ~= "string" then
        return false, "error secret_uri type: " .. type(uri)
    end
    if uri:sub(1, #SECRET) ~= SECRET and not has_prefix(uri, ENV) then
        return false, "error secret_uri prefix: " .. uri
    end
    return true
end

function M.fetch_by_uri(uri)
    if type(uri) == "string" and has_prefix(uri, ENV) then
        return env.fetch_by_uri(uri)
    end
    return nil, "no secret conf, secret_uri: " .. tostring(uri)
end

local function fetch(value)
    local found = M.is_secret_ref(value) and M.fetch_by_uri(value)
    return found or value
end

local function replace(refs, seen)
    if seen[refs] then
        return
    end
    seen[refs] = true
    for key, value in pairs(refs) do
        if type(value) == "table" then
            replace(value, seen)
        else
            refs[key] = fetch(value)
        end
    end
end

-- A copy of `refs` with the values; a reference of which nothing is known stays.
function M.fetch_secrets(refs)
    if type(refs) ~= "table" then
        return nil
    end
    local out = core.table.deepcopy(refs)
    replace(out, {})
    return out
end

-- Reference -> value, of all in `conf`.
function M.collect_secret_values(conf)
    local out, seen = {}, {}
    local function collect(values)
        if type(values) ~= "table" or seen[values] then
            return
        end
        seen[values] = true
        for _, value in pairs(values) do
            if M.is_secret_ref(value) then
                out[value] = fetch(value)
            end
            collect(value)
        end
    end
    collect(conf)
    return out
end

function M.secrets()
    return nil
end

function M.init_worker() end

return M

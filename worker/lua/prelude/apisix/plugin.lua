-- apisix.plugin: what plugins ask about plugins.
local data = require("gateway.data")
local core = require("apisix.core")

local M = { version = 0.3 }

function M.plugin_attr(name)
    local attr = data.plugin_attr(name)
    return attr
end

-- By plugin: what plugin_metadata() gave last. Plugins keep caches by its tables.
local metadata_of = {}

-- {value = metadata, modifiedIndex = version}; nil: there is none. As in APISIX, check_schema() has seen the value: what it
-- put there (defaults, compiled rules) is there.
function M.plugin_metadata(name)
    local held = metadata_of[name]
    local value, version = data.plugin_metadata(name, held and held.modifiedIndex)
    if version == nil then
        metadata_of[name] = nil
        return nil
    end
    if value == nil then
        return held
    end
    local plugin = package.loaded["apisix.plugins." .. name]
    if type(plugin) == "table" and plugin.check_schema then
        local ok, err = plugin.check_schema(value, core.schema.TYPE_METADATA)
        if not ok then
            core.log.error("failed to check the metadata of plugin ", name, ": ", err)
        end
    end
    held = { value = value, modifiedIndex = version, key = "/plugin_metadata/" .. name }
    metadata_of[name] = held
    return held
end

function M.get(name)
    local ok, plugin = pcall(require, "apisix.plugins." .. name)
    return ok and plugin or nil
end

-- A number of what the configuration says: the same in every worker, and after a restart. Plugins make keys in redis of it.
function M.conf_version(conf)
    if not conf._version then
        conf._version = ngx.crc32_short(core.json.stably_encode(conf))
    end
    return conf._version
end

function M.check_schema(plugins_conf)
    for name, conf in pairs(plugins_conf) do
        local plugin = M.get(name)
        if not plugin then
            return false, "unknown plugin [" .. name .. "]"
        end
        if plugin.check_schema then
            local ok, err = plugin.check_schema(conf)
            if not ok then
                return false, "failed to check the configuration of plugin " .. name .. " err: " .. tostring(err)
            end
        end
    end
    return true
end

function M.decrypt_conf(name, conf, schema_type)
    return conf
end
M.encrypt_conf = M.decrypt_conf

M.enable_gde = function() return false end

function M.get_all(attrs)
    return {}
end

function M.set_plugins_meta_parent() end

return M

-- apisix.plugin: what plugins ask about plugins.
local data = require("gateway.data")
local core = require("apisix.core")

local M = { version = 0.3 }

function M.plugin_attr(name)
    local attr = data.plugin_attr(name)
    return attr
end

-- {value = metadata, modifiedIndex = version}; nil: there is none.
function M.plugin_metadata(name)
    local value, version = data.plugin_metadata(name)
    if value == nil then
        return nil
    end
    return { value = value, modifiedIndex = version, key = "/plugin_metadata/" .. name }
end

function M.get(name)
    local ok, plugin = pcall(require, "apisix.plugins." .. name)
    return ok and plugin or nil
end

local versions = setmetatable({}, { __mode = "k" })
local next_version = 0

-- Another number for another configuration.
function M.conf_version(conf)
    if type(conf) == "table" and conf._version then
        return conf._version
    end
    if not versions[conf] then
        next_version = next_version + 1
        versions[conf] = tostring(next_version)
    end
    return versions[conf]
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

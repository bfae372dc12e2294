-- What require("apisix.plugins.NAME") gives of a plugin that the gateway has itself: its fields, check_schema() and
-- its hooks, which run on the request as the plugin's own and return what APISIX's return: a status and a body where
-- the plugin responds. Plugins whose modules scripts know more of are in standins/apisix/plugins.
local plugins = require("gateway.plugins")
local json = require("cjson.safe")

local M = {}

-- Instances by their configuration; another table is another one, as for APISIX's caches.
local function instances_of(name)
    local instances = setmetatable({}, { __mode = "k" })
    return function(conf)
        local instance = instances[conf]
        if not instance then
            local err
            instance, err = plugins.build(name, conf)
            if not instance then
                error("failed to check the configuration of plugin " .. name .. " err: " .. tostring(err), 0)
            end
            instances[conf] = instance
        end
        return instance
    end
end

-- {"message": ...} is a table for scripts.
local function as_apisix(status, body)
    if type(body) == "string" and body:sub(1, 1) == "{" then
        body = json.decode(body) or body
    end
    return status, body
end

-- Nil: the gateway has no such plugin.
function M.module(name)
    local about = plugins.describe(name)
    if not about then
        return nil
    end
    local module = {
        name = about.name, version = about.version, priority = about.priority, type = about.type,
        schema = about.schema, consumer_schema = about.consumer_schema, metadata_schema = about.metadata_schema,
    }
    function module.check_schema(conf, kind)
        local schema_type = kind == 1 and "consumer" or kind == 2 and "metadata" or nil
        local ok, result = plugins.check(name, conf, schema_type)
        if not ok then
            return false, result
        end
        for key, value in pairs(result) do
            if conf[key] == nil then
                conf[key] = value  -- defaults
            end
        end
        return true
    end
    local instance_of = instances_of(name)
    for hook in pairs(about.hooks) do
        module[hook] = function(conf)
            return as_apisix(plugins.run(instance_of(conf), hook))
        end
    end
    return module
end

-- For require(): a function that gives the module.
function M.loader(name)
    local module = M.module(name)
    return module and function() return module end
end

return M

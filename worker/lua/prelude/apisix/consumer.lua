-- apisix.consumer: consumers by the configuration of an auth plugin.
local data = require("gateway.consumer")
local core = require("apisix.core")

local M = { version = 0.3 }

-- By plugin: what plugin() gave last. Auth plugins ask at every request; the tables are made when a consumer has changed.
local listed = {}

-- As in APISIX, check_schema() has seen what a consumer configures: what it put there is there.
local function check(name, nodes)
    local plugin = package.loaded["apisix.plugins." .. name]
    if type(plugin) ~= "table" or not plugin.check_schema then
        return
    end
    for _, node in ipairs(nodes) do
        local ok, err = plugin.check_schema(node.auth_conf, core.schema.TYPE_CONSUMER)
        if not ok then
            core.log.error("failed to check the configuration of consumer ", node.username, ": ", err)
        end
    end
end

-- {nodes, len, conf_version}: the consumers that configure the plugin.
function M.plugin(name)
    local version = data.version()
    local held = listed[name]
    if not held or held.conf_version ~= version then
        local nodes = data.of_plugin(name)
        check(name, nodes)
        held = { nodes = nodes, len = #nodes, conf_version = version }
        listed[name] = held
    end
    if held.len == 0 then
        return nil
    end
    return held
end

M.consumers_conf = M.plugin

local tables = setmetatable({}, { __mode = "v" })

-- By the member `key` of their configuration.
function M.consumers_kv(name, consumer_conf, key)
    local id = name .. "#" .. key .. "#" .. tostring(consumer_conf.conf_version)
    local held = tables[id]
    if held then
        return held
    end
    local out = {}
    for _, node in ipairs(consumer_conf.nodes) do
        local value = node.auth_conf and node.auth_conf[key]
        if value ~= nil then
            out[value] = node
        end
    end
    tables[id] = out
    return out
end

function M.find_consumer(name, key, value)
    local conf = M.plugin(name)
    if not conf then
        return nil, nil, "Missing related consumer"
    end
    return M.consumers_kv(name, conf, key)[value], conf
end

function M.get_anonymous_consumer(name)
    local consumer = data.by_name(name)
    if not consumer then
        return nil, nil, "failed to get anonymous consumer " .. tostring(name)
    end
    return consumer, { conf_version = 1 }
end

-- The request is the consumer's from now on: its plugins run, its headers go to the node.
function M.attach_consumer(ctx, consumer, conf)
    ctx.consumer = consumer
    ctx.consumer_name = consumer.consumer_name or consumer.username
    ctx.consumer_group_id = consumer.group_id
    ctx.consumer_ver = conf and conf.conf_version
    data.attach(ctx.consumer_name, consumer.credential_id)
end

function M.consumers()
    return nil
end

return M

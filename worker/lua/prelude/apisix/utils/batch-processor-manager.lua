-- apisix.utils.batch-processor-manager: one processor for each configuration of a logger.
local core = require("apisix.core")
local processor = require("apisix.utils.batch-processor")

local M = {}
local mt = { __index = M }

local MAX_PENDING_ENTRIES = 8192

function M.new(name, plugin_name)
    return setmetatable({ name = name, plugin_name = plugin_name or name, buffers = setmetatable({}, { __mode = "k" }) }, mt)
end

local batch_fields = { "name", "max_retry_count", "retry_delay", "buffer_duration", "inactive_timeout", "batch_max_size" }

-- The fields of batches, unless the plugin has its own of that name. Changes `schema` and gives it.
function M.wrap_schema(self, schema)
    local properties = schema.properties
    for name, field in pairs(core.table.deepcopy(processor.schema.properties)) do
        properties[name] = properties[name] or field
    end
    properties.name.default = self.name
    return schema
end

function M.wrap_metadata_schema(_, schema)
    schema.properties.max_pending_entries = {
        type = "integer", minimum = 1, default = MAX_PENDING_ENTRIES, description = "how many entries may wait to be sent",
    }
    return schema
end

local function limit_of(self, given)
    local metadata = require("apisix.plugin").plugin_metadata(self.plugin_name)
    return given or (metadata and metadata.value.max_pending_entries) or MAX_PENDING_ENTRIES
end

function M.add_entry(self, conf, entry, max_pending_entries)
    local buffer = self.buffers[conf]
    if not buffer then
        return false
    end
    -- what is pushed and neither sent nor given up
    if buffer.pushed_entries - buffer.processed_entries >= limit_of(self, max_pending_entries) then
        core.log.error("max pending entries limit exceeded. discarding entry")
        return true
    end
    buffer:push(entry)
    return true
end

function M.add_entry_to_new_processor(self, conf, entry, ctx, func)
    local config = { name = conf.name or self.name }
    for _, name in ipairs(batch_fields) do
        config[name] = conf[name] or config[name]
    end
    config.route_id = ctx.route_id
    config.server_addr = ctx.var and ctx.var.server_addr
    local buffer, err = processor:new(func, config)
    if not buffer then
        core.log.error("error when creating the batch processor: ", err)
        return false
    end
    self.buffers[conf] = buffer
    buffer:push(entry)
    return true
end

return M

-- apisix.utils.batch-processor-manager: one processor for each configuration of a logger.
local core = require("apisix.core")
local processor = require("apisix.utils.batch-processor")

local M = {}
local mt = { __index = M }

local MAX_PENDING_ENTRIES = 100000

function M.new(name)
    return setmetatable({ name = name, buffers = setmetatable({}, { __mode = "k" }), total_pushed_entries = 0 }, mt)
end

local batch_fields = { "name", "max_retry_count", "retry_delay", "buffer_duration", "inactive_timeout", "batch_max_size" }

function M.wrap_schema(_, schema)
    local out = core.table.deepcopy(schema)
    out.properties = out.properties or {}
    for name, field in pairs(processor.schema.properties) do
        out.properties[name] = core.table.deepcopy(field)
    end
    return out
end

function M.add_entry(self, conf, entry, max_pending_entries)
    local buffer = self.buffers[conf]
    if not buffer then
        return false
    end
    if #buffer.entries > (max_pending_entries or MAX_PENDING_ENTRIES) then
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

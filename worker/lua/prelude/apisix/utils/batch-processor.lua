-- apisix.utils.batch-processor: entries are gathered and handed to a function in batches, again when that fails.
local core = require("apisix.core")
local setmetatable, type, pcall = setmetatable, type, pcall

local M = {}
local mt = { __index = M }

M.schema = {
    type = "object",
    properties = {
        name = { type = "string", default = "log buffer" },
        max_retry_count = { type = "integer", minimum = 0, default = 0 },
        retry_delay = { type = "integer", minimum = 0, default = 1 },
        buffer_duration = { type = "integer", minimum = 1, default = 60 },
        inactive_timeout = { type = "integer", minimum = 1, default = 5 },
        batch_max_size = { type = "integer", minimum = 1, default = 1000 },
    },
}

local start_timer, send

-- When the worker stops there are no timers any more: what is left is handed over at once.
local function send_later(self, delay, batch)
    local ok, err = ngx.timer.at(delay, send, self, batch)
    if ok then
        return
    end
    if err == "process exiting" then
        return send(true, self, batch)
    end
    core.log.error("failed to create process timer: ", err)
end

-- func(entries, batch_max_size) -> done, why not, the first entry that failed (those before it are done).
function send(premature, self, batch)
    local called, ok, err, first_fail = pcall(self.func, batch.entries, self.batch_max_size)
    if not called then
        ok, err, first_fail = false, ok, nil
    end
    local count = #batch.entries
    if ok then
        self.processed_entries = self.processed_entries + count
        core.log.debug("Batch Processor[", self.name, "] successfully processed the entries")
        return
    end
    if first_fail then
        core.log.error("Batch Processor[", self.name, "] failed to process entries [", count + 1 - first_fail, "/", count,
            "]: ", err)
        local left = {}
        for i = first_fail, count do
            left[#left + 1] = batch.entries[i]
        end
        batch.entries = left
        self.processed_entries = self.processed_entries + first_fail - 1
    else
        core.log.error("Batch Processor[", self.name, "] failed to process entries: ", err)
    end
    batch.retry_count = batch.retry_count + 1
    if batch.retry_count <= self.max_retry_count and #batch.entries > 0 then
        return send_later(self, self.retry_delay, batch)
    end
    self.processed_entries = self.processed_entries + #batch.entries
    core.log.error("Batch Processor[", self.name, "] exceeded ", "the max_retry_count[", batch.retry_count,
        "] dropping the entries")
end

-- What is in the buffer is handed over.
function M.process_buffer(self)
    local batch = self.entry_buffer
    if #batch.entries == 0 then
        return
    end
    core.log.debug("transferring buffer entries to processing pipe line, ", "buffercount[", #batch.entries, "]")
    self.entry_buffer = { entries = {}, retry_count = 0 }
    send_later(self, 0, batch)
end

local function on_timer(premature, self)
    self.is_timer_running = false
    local now = ngx.now()
    if premature or ngx.worker.exiting() or now - self.last_entry_t >= self.inactive_timeout
            or now - self.first_entry_t >= self.buffer_duration then
        core.log.debug("Batch Processor[", self.name, "] buffer ", "duration exceeded, activating buffer flush")
        return self:process_buffer()
    end
    core.log.debug("Batch Processor[", self.name, "] extending buffer timer")
    start_timer(self)
end

function start_timer(self)
    local ok, err = ngx.timer.at(self.inactive_timeout, on_timer, self)
    if ok then
        self.is_timer_running = true
    elseif err == "process exiting" then
        self:process_buffer()
    else
        core.log.error("failed to create buffer timer: ", err)
    end
end

function M.new(self, func, config)
    local ok, err = core.schema.check(M.schema, config)
    if not ok then
        return nil, err
    end
    if type(func) ~= "function" then
        return nil, "Invalid argument, arg #1 must be a function"
    end
    return setmetatable({
        func = func, name = config.name, max_retry_count = config.max_retry_count, batch_max_size = config.batch_max_size,
        retry_delay = config.retry_delay, buffer_duration = config.buffer_duration, inactive_timeout = config.inactive_timeout,
        route_id = config.route_id, server_addr = config.server_addr, is_timer_running = false,
        entry_buffer = { entries = {}, retry_count = 0 }, first_entry_t = 0, last_entry_t = 0, processed_entries = 0,
        pushed_entries = 0,
    }, mt)
end

function M.push(self, entry)
    self.pushed_entries = self.pushed_entries + 1
    if self.batch_max_size == 1 then
        return send_later(self, 0, { entries = { entry }, retry_count = 0 })
    end
    local entries = self.entry_buffer.entries
    entries[#entries + 1] = entry
    self.last_entry_t = ngx.now()
    if #entries == 1 then
        self.first_entry_t = self.last_entry_t
    end
    if #entries >= self.batch_max_size then
        core.log.debug("Batch Processor[", self.name, "] batch max size has exceeded")
        self:process_buffer()
    end
    if not self.is_timer_running then
        start_timer(self)
    end
end

return M

-- apisix.utils.batch-processor: entries are gathered and handed to a function in batches, again when that fails.
local core = require("apisix.core")
local setmetatable, type, ipairs, tostring, pcall = setmetatable, type, ipairs, tostring, pcall

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

local start_flush

local function send(premature, self, batch)
    if premature and batch.tries > 0 then
        return
    end
    local called, ok, err, first_fail = pcall(self.func, batch.entries, self.batch_max_size)
    if not called then
        ok, err = false, ok
    end
    if ok then
        core.log.debug("Batch Processor[", self.name, "] successfully processed the entries")
        return
    end
    if first_fail and first_fail > 1 then
        local left = {}
        for i = first_fail, #batch.entries do
            left[#left + 1] = batch.entries[i]
        end
        batch.entries = left
    end
    core.log.error("Batch Processor[", self.name, "] failed to process entries: ", err)
    batch.tries = batch.tries + 1
    if batch.tries <= self.max_retry_count then
        ngx.timer.at(self.retry_delay, send, self, batch)
    else
        core.log.error("Batch Processor[", self.name, "] exceeded ", "the max_retry_count[", batch.tries,
            "] dropping the entries")
    end
end

local function flush(self)
    if #self.entries == 0 then
        return
    end
    local batch = { entries = self.entries, tries = 0 }
    self.entries = {}
    local ok, err = ngx.timer.at(0, send, self, batch)
    if not ok then
        core.log.error("failed to create timer to send entries: ", err)
    end
end

local function on_timer(premature, self)
    self.has_timer = false
    local now = ngx.now()
    if premature or now - self.last_entry_t >= self.inactive_timeout or now - self.first_entry_t >= self.buffer_duration then
        flush(self)
        return
    end
    start_flush(self)
end

function start_flush(self)
    if self.has_timer or #self.entries == 0 then
        return
    end
    local ok, err = ngx.timer.at(self.inactive_timeout, on_timer, self)
    if not ok then
        core.log.error("failed to create buffer timer: ", err)
        return
    end
    self.has_timer = true
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
        route_id = config.route_id, server_addr = config.server_addr, entries = {}, first_entry_t = 0, last_entry_t = 0,
    }, mt)
end

function M.push(self, entry)
    local now = ngx.now()
    if #self.entries == 0 then
        self.first_entry_t = now
    end
    self.entries[#self.entries + 1] = entry
    self.last_entry_t = now
    if #self.entries >= self.batch_max_size then
        flush(self)
        return
    end
    start_flush(self)
end

return M

-- prometheus: counters, gauges and histograms in a shared dictionary, as nginx-lua-prometheus has them.
--
-- Under each series' own text ("name{a=\"b\"}") the dictionary has its value; under "# HELP name" and
-- "# TYPE name" what the metric is, so that other processes can print it as well.
local M = {}
local mt = { __index = M }

local BUCKETS = { 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 3, 4, 5, 10 }

local function escape(value)
    return (tostring(value):gsub("\\", "\\\\"):gsub('"', '\\"'):gsub("\n", "\\n"))
end

-- name{a="b",le="1"}
local function series(name, labels, values, extra)
    local parts = {}
    for i, label in ipairs(labels) do
        parts[i] = ('%s="%s"'):format(label, escape(values[i]))
    end
    parts[#parts + 1] = extra
    if #parts == 0 then
        return name
    end
    return name .. "{" .. table.concat(parts, ",") .. "}"
end

local function check_values(self, values)
    values = values or {}
    if #values ~= #self.labels then
        return nil, ("inconsistent labels count, expected %d, got %d"):format(#self.labels, #values)
    end
    return values
end

local function fail(self, err)
    ngx.log(ngx.ERR, "prometheus: ", self.name, ": ", err)
    self.registry.dict:incr(self.registry.error_metric_name, 1, 0)
end

local function add(self, name, by)
    local dict = self.registry.dict
    local _, err = dict:incr(name, by, 0, self.exptime)
    if not err and self.exptime then
        dict:expire(name, self.exptime)
    end
    if err then
        fail(self, err)
    end
end

local Counter = {}
Counter.__index = Counter

function Counter:inc(by, values)
    local checked, err = check_values(self, values)
    by = by or 1
    if not checked then
        return fail(self, err)
    elseif by < 0 then
        return fail(self, "value should not be negative")
    end
    add(self, series(self.name, self.labels, checked), by)
end

function Counter:del(values)
    local checked, err = check_values(self, values)
    if not checked then
        return fail(self, err)
    end
    self.registry.dict:delete(series(self.name, self.labels, checked))
end

function Counter:reset()
    local dict = self.registry.dict
    for _, key in ipairs(dict:get_keys(0)) do
        if key == self.name or key:sub(1, #self.name + 1) == self.name .. "{" then
            dict:delete(key)
        end
    end
end

local Gauge = setmetatable({}, { __index = Counter })
Gauge.__index = Gauge

function Gauge:inc(by, values)
    local checked, err = check_values(self, values)
    if not checked then
        return fail(self, err)
    end
    add(self, series(self.name, self.labels, checked), by or 1)
end

function Gauge:set(value, values)
    local checked, err = check_values(self, values)
    if not checked then
        return fail(self, err)
    elseif type(value) ~= "number" then
        return fail(self, "no number: " .. tostring(value))
    end
    local ok, fault = self.registry.dict:set(series(self.name, self.labels, checked), value, self.exptime or 0)
    if not ok then
        fail(self, fault)
    end
end

local Histogram = {}
Histogram.__index = Histogram

local function bound_text(bound)
    return bound == math.huge and "+Inf" or ("%.14g"):format(bound)
end

function Histogram:observe(value, values)
    local checked, err = check_values(self, values)
    if not checked then
        return fail(self, err)
    elseif type(value) ~= "number" then
        return fail(self, "no number: " .. tostring(value))
    end
    add(self, series(self.name .. "_sum", self.labels, checked), value)
    add(self, series(self.name .. "_count", self.labels, checked), 1)
    -- every bucket is there from the first value on, as scrapers want them
    for _, bound in ipairs(self.bounds) do
        local le = ('le="%s"'):format(bound_text(bound))
        add(self, series(self.name .. "_bucket", self.labels, checked, le), value <= bound and 1 or 0)
    end
end

function Histogram:reset()
    for _, suffix in ipairs({ "_sum", "_count", "_bucket" }) do
        Counter.reset({ name = self.name .. suffix, registry = self.registry })
    end
end

local function register(self, class, kind, name, help, labels, exptime)
    if type(name) ~= "string" or not name:find("^[%a_:][%w_:]*$") then
        self:log_error("bad metric name: " .. tostring(name))
        return nil
    end
    for _, label in ipairs(labels or {}) do
        if type(label) ~= "string" or not label:find("^[%a_][%w_]*$") or label == "le" then
            self:log_error("bad label name: " .. tostring(label))
            return nil
        end
    end
    local full = self.prefix .. name
    if self.registered[full] then
        self:log_error("Duplicate metric " .. full)
        return self.registered[full]
    end
    if help then
        self.dict:set("# HELP " .. full, (tostring(help):gsub("\n", " ")))
    end
    self.dict:set("# TYPE " .. full, kind)
    local metric = setmetatable({ name = full, labels = labels or {}, registry = self, kind = kind, help = help,
                                  exptime = exptime }, class)
    self.registered[full] = metric
    return metric
end

-- init("dictionary", {prefix, error_metric_name})
function M.init(dict_name, options)
    options = type(options) == "table" and options or { prefix = options }
    local dict = ngx.shared[dict_name or "prometheus_metrics"]
    if not dict then
        error("Dictionary '" .. tostring(dict_name) .. "' does not seem to exist. " ..
              "Please define the dictionary using `lua_shared_dict`.", 2)
    end
    local self = setmetatable({
        dict = dict, prefix = options.prefix or "", registered = {}, initialized = true,
        error_metric_name = options.error_metric_name or "nginx_metric_errors_total",
    }, mt)
    dict:set("# HELP " .. self.error_metric_name, "Number of nginx-lua-prometheus errors")
    dict:set("# TYPE " .. self.error_metric_name, "counter")
    dict:add(self.error_metric_name, 0)
    return self
end

function M.init_worker() end

function M:log_error(...)
    ngx.log(ngx.ERR, ...)
    self.dict:incr(self.error_metric_name, 1, 0)
end

function M:counter(name, help, labels, exptime)
    return register(self, Counter, "counter", name, help, labels, exptime)
end

function M:gauge(name, help, labels, exptime)
    return register(self, Gauge, "gauge", name, help, labels, exptime)
end

function M:histogram(name, help, labels, buckets, exptime)
    local metric = register(self, Histogram, "histogram", name, help, labels, exptime)
    if metric and not metric.bounds then
        metric.bounds = {}
        for i, bound in ipairs(buckets or BUCKETS) do
            metric.bounds[i] = bound
        end
        metric.bounds[#metric.bounds + 1] = math.huge
    end
    return metric
end

-- Of a series: the metric that it belongs to.
local function metric_of(types, key)
    local name = key:match("^[^{]+")
    if types[name] then
        return name
    end
    for _, suffix in ipairs({ "_bucket", "_count", "_sum" }) do
        local base = name:sub(1, -#suffix - 1)
        if name:sub(-#suffix) == suffix and types[base] == "histogram" then
            return base
        end
    end
    return name
end

-- For sorting: the bound of a bucket comes by its size.
local function sort_key(key)
    local le = key:match('le="([^"]*)"}$')
    if not le then
        return key
    end
    local bound = le == "+Inf" and math.huge or tonumber(le) or 0
    return key:gsub('le="[^"]*"}$', "") .. ("%030.10f"):format(math.min(bound, 1e18))
end

-- The lines of the text format.
function M:metric_data()
    local types, groups, names = {}, {}, {}
    local keys = self.dict:get_keys(0)
    for _, key in ipairs(keys) do
        local name = key:match("^# TYPE (.*)$")
        if name then
            types[name] = self.dict:get(key)
        end
    end
    for _, key in ipairs(keys) do
        local value = key:sub(1, 1) ~= "#" and self.dict:get(key)
        if type(value) == "number" then
            local name = metric_of(types, key)
            if not groups[name] then
                groups[name] = {}
                names[#names + 1] = name
            end
            table.insert(groups[name], { sort_key(key), key, value })
        end
    end
    table.sort(names)
    local out = {}
    for _, name in ipairs(names) do
        local help = self.dict:get("# HELP " .. name)
        if help then
            out[#out + 1] = ("# HELP %s %s\n"):format(name, help)
        end
        if types[name] then
            out[#out + 1] = ("# TYPE %s %s\n"):format(name, types[name])
        end
        table.sort(groups[name], function(a, b) return a[1] < b[1] end)
        for _, row in ipairs(groups[name]) do
            out[#out + 1] = ("%s %s\n"):format(row[2], tostring(row[3]))
        end
    end
    return out
end

function M:collect()
    ngx.header["Content-Type"] = "text/plain"
    ngx.print(table.concat(self:metric_data()))
end

return M

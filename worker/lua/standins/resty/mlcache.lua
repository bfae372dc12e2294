-- resty.mlcache: a cache of two levels. Level 1 is an LRU cache of the worker, level 2 a shared dictionary; behind them is a
-- callback, which runs once for all workers (resty.lock). A miss (nil) is cached too.
local cjson = require("cjson.safe")
local lrucache = require("resty.lrucache")
local lock = require("resty.lock")

local M = { _VERSION = "2.7.0" }
local mt = { __index = M }
-- The value of a miss in level 1.
local MISS = {}
-- Level 1 of each name: all caches of a name in a worker are one.
local lru_of = {}

-- A text of level 2: "<expires>:<ttl>:<JSON of the value in an array>"; a miss has nothing behind the colon.
local function packed(value, ttl)
    if value == nil then
        return ("%.3f:%.3f:"):format(ttl > 0 and ngx.now() + ttl or 0, ttl)
    end
    local text, err = cjson.encode({ value })
    if not text then
        return nil, "could not encode value: " .. err
    end
    return ("%.3f:%.3f:%s"):format(ttl > 0 and ngx.now() + ttl or 0, ttl, text)
end

local function unpacked(text)
    local ends, _, json = text:match("^([^:]*):([^:]*):(.*)$")
    ends = tonumber(ends)
    local left = ends > 0 and ends - ngx.now() or nil
    if json == "" then
        return nil, left, true
    end
    local held, err = cjson.decode(json)
    if not held then
        return nil, left, false, err
    end
    return held[1], left, false
end

function M.new(name, dict_name, opts)
    if type(name) ~= "string" then
        error("name must be a string", 2)
    elseif type(dict_name) ~= "string" then
        error("shm must be a string", 2)
    elseif opts ~= nil and type(opts) ~= "table" then
        error("opts must be a table", 2)
    end
    opts = opts or {}
    local dict = ngx.shared[dict_name]
    if not dict then
        return nil, "no such lua_shared_dict: " .. dict_name
    end
    local lru = opts.lru or lru_of[name]
    if not lru then
        local err
        lru, err = lrucache.new(opts.lru_size or 100)
        if not lru then
            return nil, "failed instantiating the LRU: " .. err
        end
        lru_of[name] = lru
    end
    return setmetatable({
        name = name, dict = dict, lru = lru, dict_miss = opts.shm_miss and ngx.shared[opts.shm_miss],
        lock_dict = opts.shm_locks or dict_name, lock_opts = opts.resty_lock_opts, ttl = opts.ttl or 30,
        neg_ttl = opts.neg_ttl or 5, resurrect_ttl = opts.resurrect_ttl, l1_serializer = opts.l1_serializer,
    }, mt)
end

-- Into level 1, as the serializer makes it. ttl nil: for ever.
local function keep(self, key, value, ttl, serializer)
    if value == nil then
        self.lru:set(key, MISS, ttl)
        return nil
    end
    if serializer then
        local ok, made, err = pcall(serializer, value)
        if not ok then
            return nil, "l1_serializer threw an error: " .. tostring(made)
        elseif err then
            return nil, err
        elseif made == nil then
            return nil, "l1_serializer returned a nil value"
        end
        value = made
    end
    self.lru:set(key, value, ttl)
    return value
end

local function fetch(self, key)
    local text, _, is_stale = self.dict:get_stale(self.name .. key)
    if not text and self.dict_miss then
        text, _, is_stale = self.dict_miss:get_stale(self.name .. key)
    end
    return text, is_stale
end

local function store(self, key, value, ttl)
    local text, err = packed(value, ttl)
    if not text then
        return nil, err
    end
    local dict = value == nil and self.dict_miss or self.dict
    local ok
    ok, err = dict:set(self.name .. key, text, ttl)
    if not ok then
        return nil, "could not write to lua_shared_dict: " .. err
    end
    return true
end

-- What level 2 has, into level 1: found, value, err, level.
local function from_dict(self, key, serializer)
    local text, is_stale = fetch(self, key)
    if not text or is_stale then
        return false, text
    end
    local value, left, _, err = unpacked(text)
    if err then
        return true, nil, "could not deserialize value: " .. err
    end
    value, err = keep(self, key, value, left, serializer)
    return true, value, err, 2
end

-- The callback, under the lock: value, err, level.
local function from_callback(self, key, opts, callback, ...)
    local held = lock:new(self.lock_dict, self.lock_opts)
    if not held then
        return nil, "could not create lock"
    end
    local elapsed, err = held:lock("lua-resty-mlcache:" .. self.name .. key)
    if not elapsed and err ~= "timeout" then
        return nil, "could not acquire callback lock: " .. err
    end
    local function unlocked(...)
        if elapsed then
            held:unlock()
        end
        return ...
    end
    local found, value, fault, level = from_dict(self, key, opts.l1_serializer)
    if found then
        return unlocked(value, fault, level)
    elseif not elapsed then
        return nil, "could not acquire callback lock: timeout"
    end
    local stale = value
    local ok, made, problem, own_ttl = xpcall(callback, debug.traceback, ...)
    if not ok then
        return unlocked(nil, "callback threw an error: " .. tostring(made))
    end
    if problem ~= nil then
        local resurrect_ttl = opts.resurrect_ttl
        if not stale or not resurrect_ttl then
            return unlocked(nil, tostring(problem))
        end
        ngx.log(ngx.WARN, "callback returned an error (", tostring(problem), ") but stale value found in shm will be ",
                "resurrected for ", resurrect_ttl, "s (resurrect_ttl)")
        made, own_ttl = unpacked(stale), resurrect_ttl
        store(self, key, made, own_ttl)
        value, fault = keep(self, key, made, own_ttl, opts.l1_serializer)
        return unlocked(value, fault, 4)
    end
    local ttl = type(own_ttl) == "number" and own_ttl or made == nil and opts.neg_ttl or opts.ttl
    if ttl >= 0 then
        ok, fault = store(self, key, made, ttl)
        if not ok then
            return unlocked(nil, fault)
        end
        made, fault = keep(self, key, made, ttl > 0 and ttl or nil, opts.l1_serializer)
    end
    return unlocked(made, fault, 3)
end

-- value, err, level (1: LRU, 2: dictionary, 3: callback, 4: resurrected)
function M.get(self, key, opts, callback, ...)
    if type(key) ~= "string" then
        error("key must be a string", 2)
    elseif callback ~= nil and type(callback) ~= "function" then
        error("callback must be nil or a function", 2)
    end
    local value = self.lru:get(key)
    if value == MISS then
        return nil, nil, 1
    elseif value ~= nil then
        return value, nil, 1
    end
    local given = opts
    opts = setmetatable({}, { __index = function(_, name)
        local own = given and given[name]
        return own ~= nil and own or self[name]
    end })
    if callback == nil then
        local _, found, err, level = from_dict(self, key, opts.l1_serializer)
        if not _ then
            return nil, nil, -1
        end
        return found, err, level
    end
    local found, held, err, level = from_dict(self, key, opts.l1_serializer)
    if found then
        return held, err, level
    end
    return from_callback(self, key, opts, callback, ...)
end

-- ttl left, err, value
function M.peek(self, key)
    if type(key) ~= "string" then
        error("key must be a string", 2)
    end
    local text, is_stale = fetch(self, key)
    if not text or is_stale then
        return nil
    end
    local value, left, _, err = unpacked(text)
    if err then
        return nil, "could not deserialize value: " .. err
    end
    return left or 0, nil, value
end

-- Other workers keep what is in their level 1 until its ttl ends: there is no channel between them.
function M.set(self, key, opts, value)
    local ttl = value == nil and (opts and opts.neg_ttl or self.neg_ttl) or (opts and opts.ttl or self.ttl)
    local ok, err = store(self, key, value, ttl)
    if not ok then
        return nil, err
    end
    local _, fault = keep(self, key, value, ttl > 0 and ttl or nil, opts and opts.l1_serializer or self.l1_serializer)
    if fault then
        return nil, fault
    end
    return true
end

function M.delete(self, key)
    self.dict:delete(self.name .. key)
    if self.dict_miss then
        self.dict_miss:delete(self.name .. key)
    end
    self.lru:delete(key)
    return true
end

function M.purge(self)
    self.dict:flush_all()
    if self.dict_miss then
        self.dict_miss:flush_all()
    end
    self.lru:flush_all()
    return true
end

function M.update()
    return true
end

return M

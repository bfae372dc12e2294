-- core.lrucache: objects by key and version, at most so many, for so long; one is made at a time.
local new_lru = require("resty.lrucache").new
local semaphore = require("ngx.semaphore")
local setmetatable, type, error, select, concat = setmetatable, type, error, select, table.concat

local GLOBAL = { ttl = 60 * 60, count = 512 }
local PLUGIN = { ttl = 5 * 60, count = 64 }
local PHASES_THAT_WAIT = { rewrite = true, access = true, content = true, timer = true }

local M = { version = 0.3 }

-- What the cache has under the key, when it is of this version.
local function fetch(lru, opts, key, version)
    local held, stale = lru:get(key)
    if held and held.ver == version then
        return held
    end
    if not opts.invalid_stale and stale and stale.ver == version then
        lru:set(key, stale, opts.ttl)
        return stale
    end
    return nil
end

local function create(lru, opts, key, version, make, ...)
    local value, err = make(...)
    if value == nil then
        if opts.neg_ttl and err then
            lru:set(key, { ver = version, err = err }, opts.neg_ttl)
        end
        return nil, err
    end
    lru:set(key, { val = value, ver = version }, opts.ttl)
    return value
end

local locks = {}

-- Others who ask for the same wait for the one that makes it.
local function create_alone(lru, opts, key, version, make, ...)
    local lock = locks[key]
    if lock then
        lock:wait(5)
        local held = fetch(lru, opts, key, version)
        if held then
            return held.val, held.err
        end
    end
    lock = semaphore.new(0)
    locks[key] = lock
    local value, err = create(lru, opts, key, version, make, ...)
    locks[key] = nil
    local waiting = -lock:count()
    if waiting > 0 then
        lock:post(waiting)
    end
    return value, err
end

function M.new(given)
    given = given or {}
    local defaults = given.type == "plugin" and PLUGIN or GLOBAL
    local opts = {
        ttl = given.ttl or defaults.ttl, count = given.count or defaults.count, invalid_stale = given.invalid_stale,
        neg_ttl = given.neg_ttl,
    }
    local lru = new_lru(opts.count)
    return function(key, version, make, ...)
        local held = fetch(lru, opts, key, version)
        if held then
            return held.val, held.err
        end
        if given.serial_creating and PHASES_THAT_WAIT[ngx.get_phase()] then
            return create_alone(lru, opts, key, version, make, ...)
        end
        return create(lru, opts, key, version, make, ...)
    end
end

M.global = M.new()

local function plugin_key(ctx, extra)
    local key = (ctx.conf_type or "") .. "#" .. (ctx.conf_id or "")
    local version = ctx.conf_version or 0
    if extra then
        return key .. "#" .. extra, version
    end
    return key, version
end

function M.plugin_ctx(lru, ctx, extra, make, ...)
    local key, version = plugin_key(ctx, extra)
    return lru(key, version, make, ...)
end

function M.plugin_ctx_key_and_ver(ctx, extra)
    return plugin_key(ctx, extra)
end

function M.plugin_ctx_id(ctx, extra)
    local key, version = plugin_key(ctx, extra)
    return key .. "#" .. version
end

return M

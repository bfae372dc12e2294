-- core.lrucache: objects by key and version, at most so many, for so long; with serial_creating one is made at a time.
local new_lru = require("resty.lrucache").new
local semaphore = require("ngx.semaphore")
local log = require("apisix.core.log")
local pairs, pcall, tostring, unpack, select, error = pairs, pcall, tostring, unpack, select, error

local GLOBAL = { ttl = 60 * 60, count = 1024 }
local PLUGIN = { ttl = 5 * 60, count = 8 }
local PHASES_THAT_WAIT = { rewrite = true, access = true, content = true, timer = true }
local REFRESH_SECONDS = 1

local M = { version = 0.1 }

-- --- objects that are past their time and are used until new ones are made, in the background

local stale = {}  -- cache -> key -> how to make it
local is_refreshing = false

local function refresh()
    for lru, keys in pairs(stale) do
        for key, one in pairs(keys) do
            local value, err = one.make(unpack(one.args, 1, one.count))
            if value ~= nil then
                lru:set(key, { val = value, ver = one.ver }, one.ttl)
                log.info("successfully refresh stale obj for key ", tostring(key), " to ver ", one.ver)
            else
                log.error("failed to refresh stale obj for key ", tostring(key), ": ", err)
            end
            keys[key] = nil
        end
        stale[lru] = nil
    end
end

local function on_timer(premature)
    is_refreshing = false
    if not premature then
        local ok, err = pcall(refresh)
        if not ok then
            log.error("failed to run timer_refresh_stale: ", err)
        end
    end
end

local function refresh_later(lru, key, version, ttl, make, ...)
    stale[lru] = stale[lru] or {}
    stale[lru][key] = { make = make, args = { ... }, count = select("#", ...), ver = version, ttl = ttl }
    if not is_refreshing then
        is_refreshing = ngx.timer.at(REFRESH_SECONDS, on_timer) and true or false
    end
end

-- --- one cache

-- What the cache has under the key, when it is of this version.
local function fetch(lru, opts, key, version, make, ...)
    local held, past = lru:get(key)
    if held and held.ver == version then
        return held
    end
    if past and past.ver == version then
        if not opts.invalid_stale then
            lru:set(key, past, opts.ttl)
            return past
        end
        if opts.refresh_stale then
            refresh_later(lru, key, version, opts.ttl, make, ...)
            return past
        end
    end
    return nil
end

local function create(lru, failures, opts, key, version, make, ...)
    local value, err = make(...)
    if value ~= nil then
        lru:set(key, { val = value, ver = version }, opts.ttl)
    elseif failures then
        failures:set(key, { err = err, ver = version }, opts.neg_ttl)
    end
    return value, err
end

-- Others who ask for the same wait for the one that makes it. `locks`: of this cache, by key.
local function create_alone(locks, lru, failures, opts, key, version, make, ...)
    while locks[key] do
        local ok, err = locks[key]:wait(5)
        if not ok then
            return nil, "failed to acquire the lock: " .. tostring(err)
        end
        local held = fetch(lru, opts, key, version, make, ...)
        if held then
            return held.val
        end
    end
    local lock = semaphore.new(0)
    locks[key] = lock
    local ok, value, err = pcall(create, lru, failures, opts, key, version, make, ...)
    locks[key] = nil
    local waiting = -lock:count()
    if waiting > 0 then
        lock:post(waiting)
    end
    if not ok then
        error(value, 0)
    end
    return value, err
end

function M.new(given)
    given = given or {}
    local defaults = given.type == "plugin" and PLUGIN or GLOBAL
    local opts = {
        ttl = given.ttl or defaults.ttl, invalid_stale = given.invalid_stale, refresh_stale = given.refresh_stale,
        neg_ttl = given.neg_ttl,
    }
    local lru = new_lru(given.count or defaults.count)
    local failures = given.neg_ttl and given.neg_count and new_lru(given.neg_count) or nil
    local locks = {}
    return function(key, version, make, ...)
        local failure = failures and failures:get(key)
        if failure and failure.ver == version then
            return nil, failure.err
        end
        local held = fetch(lru, opts, key, version, make, ...)
        if held then
            return held.val
        end
        if given.serial_creating and PHASES_THAT_WAIT[ngx.get_phase()] then
            return create_alone(locks, lru, failures, opts, key, version, make, ...)
        end
        return create(lru, failures, opts, key, version, make, ...)
    end
end

M.global = M.new()

function M.init_worker() end

local function key_of(ctx, extra)
    local key = ctx.conf_type .. "#" .. ctx.conf_id
    return extra and key .. "#" .. extra or key
end

function M.plugin_ctx(cache, ctx, extra, make, ...)
    return cache(key_of(ctx, extra), ctx.conf_version, make, ...)
end

-- What plugins of APISIX 2 call: one cache for each plugin.
local of_plugin = {}
function M.plugin(name, key, version, make, ...)
    of_plugin[name] = of_plugin[name] or M.new({ type = "plugin" })
    return of_plugin[name](key, version, make, ...)
end

function M.plugin_ctx_id(ctx, extra)
    return key_of(ctx, extra) .. "#" .. ctx.conf_version
end

return M

-- core.config: config.yaml, and objects of the configuration that this worker watches:
--
--   local things = core.config.new("/things", {automatic = true, item_schema = schema, checker = check})
--   local one = things:get("1")        -- {key, value, modifiedIndex, createdIndex}; nil: not there (yet)
--
-- Any folder of the store may be watched. The first reading comes soon after new(), which cannot wait for it.
local store = require("gateway.store")
local json = require("apisix.core.json")
local log = require("apisix.core.log")
local util = require("apisix.core.config_util")
local config_local = require("apisix.core.config_local")
local setmetatable, ipairs, pairs, type, pcall, tostring = setmetatable, ipairs, pairs, type, pcall, tostring

local WATCH_SECONDS = 60
local RETRY_SECONDS = 1

local M = { version = 0.3, parse_time_unit = util.parse_time_unit, iterate_values = util.iterate_values,
            local_conf = config_local.local_conf }
local mt = { __index = M }
local created = {}

local function short_key(self, key)
    return key:sub(#self.key + 2)
end

-- Whether the value may take its place. What is refused leaves the last good one.
local function check(self, item)
    local name = item.key
    if type(item.value) ~= "table" and not self.single_item then
        log.error("invalid item data of [", name, "], val: ", item.value, ", it should be an object")
        return false
    end
    if self.item_schema then
        local ok, err = require("apisix.core.schema").check(self.item_schema, item.value)
        if not ok then
            log.error("failed to check item data of [", self.key, "] err:", err, " ,val: ", json.encode(item.value))
            return false
        end
    end
    if self.checker then
        local ok, err = self.checker(item.value, item.key)
        if not ok then
            log.error("failed to check item data of [", self.key, "] err:", err, " ,val: ",
                      json.delay_encode(item.value))
            return false
        end
    end
    return true
end

local function call_clean_handlers(item)
    for i = #(item.clean_handlers or {}), 1, -1 do
        local handler = item.clean_handlers[i]
        pcall(handler, item)
        item.clean_handlers[i] = nil
    end
end

local function object_of(row)
    local value = row.value
    if type(value) == "string" then
        local decoded = json.decode(value)
        value = decoded == nil and value or decoded
    end
    return { key = row.key, value = value, createdIndex = row.create_revision, modifiedIndex = row.mod_revision,
             clean_handlers = {} }
end

-- A put or a delete of one key.
local function apply(self, row)
    local id = self.single_item and self.key or short_key(self, row.key)
    local place = self.values_hash[id]
    local item = row.value ~= nil and object_of(row) or nil
    if item then
        if not check(self, item) then
            return false
        end
        if type(item.value) == "table" and not self.single_item then
            item.value.id = id
        end
        if place then
            call_clean_handlers(self.values[place])
            self.values[place] = item
        else
            self.values[#self.values + 1] = item
            self.values_hash[id] = #self.values
        end
        if self.filter then
            self.filter(item)
        end
    elseif place then
        call_clean_handlers(self.values[place])
        -- the places of the others stay: scripts keep them between versions
        self.values[place] = false
        self.values_hash[id] = nil
        self.sync_times = self.sync_times + 1
    end
    if self.sync_times > 100 then
        local values, places = {}, {}
        for _, one in ipairs(self.values) do
            if one then
                values[#values + 1] = one
                places[self.single_item and self.key or short_key(self, one.key)] = #values
            end
        end
        self.values, self.values_hash, self.sync_times = values, places, 0
    end
    return item ~= nil or place ~= nil
end

-- Keys under "/services" that are of an object: no marker of the folder.
local function belongs(self, key)
    if self.single_item then
        return key == self.key
    end
    return #key > #self.key + 1
end

local function load_all(self)
    local rows, revision = store.list(self.single_item and self.key or self.key .. "/")
    if not rows then
        return nil, revision
    end
    self.values, self.values_hash = self.values or {}, self.values_hash or {}
    local present, changed = {}, not self.prev_index
    for _, row in ipairs(rows) do
        if belongs(self, row.key) then
            local id = self.single_item and self.key or short_key(self, row.key)
            present[id] = true
            local known = self.values[self.values_hash[id] or 0]
            if not known or known.modifiedIndex ~= row.mod_revision then
                changed = apply(self, row) or changed
            end
        end
    end
    local gone = {}
    for id in pairs(self.values_hash) do
        if not present[id] then
            gone[#gone + 1] = id
        end
    end
    for _, id in ipairs(gone) do
        changed = apply(self, { key = self.single_item and self.key or self.key .. "/" .. id }) or changed
    end
    self.prev_index = revision
    if changed then
        self.conf_version = self.conf_version + 1
    end
    return true
end

-- One watch, until it is lost.
local function follow(self)
    local ok, err = load_all(self)
    if not ok then
        return nil, err
    end
    local watch = store.watch(self.single_item and self.key or self.key .. "/", self.prev_index + 1)
    while self.running do
        local rows, revision = watch:next(WATCH_SECONDS)
        if rows then
            local changed = false
            for _, row in ipairs(rows) do
                if belongs(self, row.key) then
                    changed = apply(self, row) or changed
                end
            end
            self.prev_index = revision
            if changed then
                self.conf_version = self.conf_version + 1
            end
        elseif revision ~= "timeout" then
            return nil, revision
        end
    end
    return true
end

local function keep_current(premature, self)
    if premature then
        return
    end
    while self.running and not ngx.worker.exiting() do
        local ok, done, err = pcall(follow, self)
        if not ok or not done then
            self.last_err = ok and err or done
            log.error("failed to fetch data of ", self.key, ": ", tostring(self.last_err))
            ngx.sleep(RETRY_SECONDS)
        end
    end
end

-- `key`: "/things", below the prefix of the store. opts: automatic, item_schema, checker(value, key),
-- filter(item), single_item (the key itself is the object).
function M.new(key, opts)
    opts = opts or {}
    local self = setmetatable({
        automatic = opts.automatic, item_schema = opts.item_schema, checker = opts.checker, filter = opts.filter,
        single_item = opts.single_item, key = key and store.prefix .. key, conf_version = 0, sync_times = 0,
        running = true,
    }, mt)
    if opts.automatic then
        if not key then
            return nil, "missing `key` argument"
        end
        local ok, err = ngx.timer.at(0, keep_current, self)
        if not ok then
            return nil, err
        end
    end
    if key then
        created[key] = self
    end
    return self
end

-- Of an object that was made by new(): what is there now; nil: it was not read yet, or there is no such key.
function M.get(self, key)
    local place = self.values_hash and self.values_hash[key]
    return place and self.values[place] or nil
end

-- Straight from the store.
function M.getkey(self, key)
    if not self.running then
        return nil, "stopped"
    end
    return require("apisix.core.etcd").get(key)
end

function M.close(self)
    self.running = false
end

function M.fetch_created_obj(key)
    return created[key]
end

function M.server_version()
    return require("apisix.core.etcd").server_version()
end

function M.init() return true end
function M.init_worker() return true end

local PROVIDERS = { etcd = "etcd", yaml = "yaml", json = "json" }
M.type = PROVIDERS[store.provider() or ""] or "etcd"

return M

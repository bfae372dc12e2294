-- core.etcd: the store that the configuration is in, as APISIX's etcd client gives it: keys without the prefix,
-- values as JSON, results in the shape of etcd's version 2. Works over every provider; files cannot be written.
local store = require("gateway.store")
local json = require("apisix.core.json")
local log = require("apisix.core.log")
local config_local = require("apisix.core.config_local")
local try_read_attr = require("apisix.core.table").try_read_attr
local array_mt = json.array_mt
local type, tostring, tonumber, setmetatable, ipairs = type, tostring, tonumber, setmetatable, ipairs

local M = {}

local function is_v3()
    return try_read_attr(config_local.local_conf(), "deployment", "admin", "admin_api_version") == "v3"
end

local function check_role()
    if try_read_attr(config_local.local_conf(), "deployment", "role") == "data_plane" then
        log.warn("Data plane role should not write to etcd. ",
                 "This operation will be deprecated in future releases.")
    end
end

local function with_action(body, action)
    if not is_v3() then
        body.action = action
    end
    return body
end

local function result(status, revision, body)
    body.header = { revision = tostring(revision) }
    return { status = status, headers = { ["X-Etcd-Index"] = tostring(revision) }, body = body }
end

local function not_found(revision)
    local res = result(404, revision, { message = "Key not found" })
    res.reason = "Not found"
    return res
end

local function decode(text)
    local value = json.decode(text)
    if value == nil then
        return text
    end
    return value
end

-- etcd's item as a node of version 2.
function M.kvs_to_node(item)
    local value = item.value
    if type(value) == "string" and item.mod_revision and item.version then
        value = decode(value)
    end
    return {
        key = item.key, value = value, createdIndex = tonumber(item.create_revision),
        modifiedIndex = tonumber(item.mod_revision),
    }
end

-- A folder that was marked with an item of its own has a text in it that is no JSON object.
local function is_marker(item)
    return item.key:sub(-1) == "/"
end

local function folder_node(items)
    local first = items[1]
    local nodes = setmetatable({}, array_mt)
    local node = { dir = true, nodes = nodes }
    if is_marker(first) then
        node.key = first.key:sub(1, -2)
        node.createdIndex, node.modifiedIndex = first.create_revision, first.mod_revision
    else
        local head = M.kvs_to_node(first)
        node.key = head.key:gsub("/[^/]*$", "", 1)
        node.value, node.createdIndex, node.modifiedIndex = head.value, head.createdIndex, head.modifiedIndex
        nodes[1] = head
    end
    for i = 2, #items do
        nodes[#nodes + 1] = M.kvs_to_node(items[i])
    end
    return node
end

-- The item of the key; where `is_dir` is set, all whose keys start so.
function M.get(key, is_dir)
    local full = store.prefix .. key
    local items, revision = store.list(full)
    if not items then
        return nil, revision
    end
    if #items == 0 or (not is_dir and items[1].key ~= full) then
        return not_found(revision)
    end
    local res = result(200, revision, with_action({ count = tostring(#items) }, "get"))
    if not is_dir then
        res.body.node = M.kvs_to_node(items[1])
        return res
    end
    local node = folder_node(items)
    if is_v3() then
        res.body.list = node.nodes
    else
        res.body.node = node
    end
    return res
end

local function write(key, value, ttl, expected)
    check_role()
    local text, err = json.encode(value)
    if not text then
        return nil, err
    end
    local lease
    if ttl then
        lease, err = store.grant(tonumber(ttl))
        if not lease then
            return nil, err
        end
    end
    local revision, existed = store.put(store.prefix .. key, text, lease, expected)
    if not revision then
        return nil, existed
    end
    local res = result(existed > 0 and 200 or 201, revision, {})
    res.body.node = { key = store.prefix .. key, value = value }
    res.body.lease_id = lease
    return res
end

-- 201 where the key is new, 200 where it was there. `ttl`: seconds until it is deleted.
function M.set(key, value, ttl)
    local res, err = write(key, value, ttl)
    if not res then
        return nil, err
    end
    with_action(res.body, "set")
    return res
end

-- Only where the key was last changed at `mod_revision` (0: where it is not there).
function M.atomic_set(key, value, ttl, mod_revision)
    local res, err = write(key, value, ttl, tonumber(mod_revision) or 0)
    if not res then
        return nil, err
    end
    res.status = 200
    with_action(res.body, "compareAndSwap")
    return res
end

-- Under a new id, which the value gets.
function M.push(key, value, ttl)
    local res, err = M.set("/gen_id", 1)
    if not res then
        return nil, err
    end
    value.id = ("%020d"):format(tonumber(res.headers["X-Etcd-Index"]))
    res, err = M.set(key .. "/" .. value.id, value, ttl)
    if not res then
        return nil, err
    end
    with_action(res.body, "create")
    return res
end

local function remove(keys, name)
    local revision, existed = store.remove(keys)
    if not revision then
        return nil, existed
    end
    if existed == 0 then
        return not_found(revision)
    end
    local res = result(200, revision, with_action({ deleted = tostring(existed) }, "delete"))
    res.body.node, res.body.key = {}, name
    return res
end

function M.delete(key)
    check_role()
    local full = store.prefix .. key
    return remove({ full }, full)
end

-- With everything whose key starts so.
function M.rmdir(key)
    check_role()
    local full = store.prefix .. key
    local items, revision = store.list(full)
    if not items then
        return nil, revision
    end
    if #items == 0 then
        return not_found(revision)
    end
    local keys = {}
    for i, item in ipairs(items) do
        keys[i] = item.key
    end
    return remove(keys, full)
end

-- `id`: the lease_id of a result.
function M.keepalive(id)
    check_role()
    local seconds, err = store.keep_alive(tostring(id))
    if not seconds then
        return nil, err
    end
    return { status = 200, headers = {}, body = { result = { ID = tostring(id), TTL = tostring(seconds) } } }
end

function M.server_version()
    return { status = 200, headers = {}, body = { etcdserver = store.provider(), etcdcluster = store.provider() } }
end

local client = {
    get = function(_, key) return M.get(key) end,
    readdir = function(_, key) return M.get(key, true) end,
    set = function(_, key, value) return M.set(key, value) end,
    delete = function(_, key) return M.delete(key) end,
    rmdir = function(_, key) return M.rmdir(key) end,
    version = function() return M.server_version() end,
    keepalive = function(_, id) return M.keepalive(id) end,
    grant = function(_, ttl)
        local lease, err = store.grant(tonumber(ttl))
        if not lease then
            return nil, err
        end
        return { status = 200, headers = {}, body = { ID = lease, TTL = tostring(ttl) } }
    end,
}

-- The client's keys are whole ones, as resty.etcd's; the functions here put the prefix before them.
local function whole_keys(name)
    local function short(key)
        return key:sub(1, #store.prefix) == store.prefix and key:sub(#store.prefix + 1) or key
    end
    return function(self, key, ...)
        if type(key) ~= "string" then
            return nil, "key should not be empty"
        end
        return client[name](self, short(key), ...)
    end
end

local wrapped = { version = client.version, keepalive = client.keepalive, grant = client.grant }
for _, name in ipairs({ "get", "readdir", "set", "delete", "rmdir" }) do
    wrapped[name] = whole_keys(name)
end

-- A client, and the prefix of the keys that it takes.
function M.new()
    return setmetatable({}, { __index = wrapped }), store.prefix
end
M.new_without_proxy = M.new
M.get_etcd_syncer = M.new
M.get_etcd_cli = M.new

return M

-- gateway.objects: routes, services and upstreams as APISIX keeps them in memory: {key, value, modifiedIndex,
-- createdIndex, has_domain}. Made of what is stored when a script first asks, and the same table until it is changed.
local data = require("gateway.data")
local core = require("apisix.core")

local M = {}

-- So many objects are kept; beyond it all are made again.
local KEPT_MAX = 4096
local kept, count = {}, 0

local function is_address(host)
    return core.utils.parse_ipv4(host) or core.utils.parse_ipv6(host)
end

-- In memory nodes are a list, whichever way they were written.
local function prepare_upstream(upstream, item)
    upstream.resource_key = item.key
    upstream.resource_version = item.modifiedIndex
    upstream.resource_id = item.value.id
    local nodes = upstream.nodes
    if type(nodes) ~= "table" then
        return
    end
    if not core.table.isarray(nodes) then
        local list = {}
        for address, weight in pairs(nodes) do
            local host, port = core.utils.parse_addr(address)
            list[#list + 1] = { host = host, port = port, weight = weight }
        end
        upstream.nodes = list
    end
    for _, node in ipairs(upstream.nodes) do
        item.has_domain = item.has_domain or not is_address(node.host)
    end
    if item.has_domain then
        upstream.dns_nodes = upstream.nodes
    end
end

local function make(kind, id, value, modified, created)
    local item = {
        key = data.store_prefix .. "/" .. kind .. "/" .. id, value = value, modifiedIndex = modified,
        createdIndex = created, has_domain = false, clean_handlers = {},
    }
    value.id = value.id or id
    local upstream = kind == "upstreams" and value or value.upstream
    if type(upstream) == "table" then
        prepare_upstream(upstream, item)
    end
    return item
end

-- nil: there is none.
function M.get(kind, id)
    id = tostring(id)
    local name = kind .. "/" .. id
    local held = kept[name]
    local revision = data.objects_revision()
    if held and held.seen == revision then
        return held.item
    end
    local value, modified, created = data.object(kind, id, held and held.item.modifiedIndex)
    if value == nil then
        kept[name] = nil
        return nil
    end
    if value ~= true then
        if count >= KEPT_MAX then
            kept, count = {}, 0
        end
        count = count + 1
        held = { item = make(kind, id, value, modified, created) }
        kept[name] = held
    end
    held.seen = revision
    return held.item
end

-- All of a kind, and a number that another state of the configuration does not have.
function M.list(kind)
    local out = {}
    for _, id in ipairs(data.object_ids(kind)) do
        out[#out + 1] = M.get(kind, id)
    end
    return out, data.objects_revision()
end

-- A route over its service, as APISIX merges them: what the service says, and the route's word where it has one.
local function merge(service, route)
    local item = core.table.deepcopy(service)
    local value, own = item.value, route.value
    item.modifiedIndex = route.modifiedIndex
    value.service_id, value.id = value.id, own.id
    if own.plugins then
        value.plugins = value.plugins or {}
        for name, conf in pairs(own.plugins) do
            value.plugins[name] = conf
        end
    end
    if own.upstream then
        value.upstream, value.upstream_id = own.upstream, nil
    end
    value.upstream_id = own.upstream_id or value.upstream_id
    if own.upstream or own.upstream_id then
        item.has_domain = route.has_domain
    end
    for _, member in ipairs({ "script", "timeout", "hosts", "labels" }) do
        if own[member] then
            value[member] = own[member]
        end
    end
    value.name = own.name
    if not value.hosts and own.host then
        value.host = own.host
    end
    return item
end

local merged = setmetatable({}, { __mode = "k" })

-- ctx.matched_route.
function M.matched_route(ctx)
    local id, service_id = ctx.route_id, ctx.service_id
    local route = M.get("routes", id)
    if not route then
        -- It was deleted meanwhile.
        return { value = { id = id, name = ctx.route_name, service_id = service_id } }
    end
    local service = service_id and M.get("services", service_id)
    if not service then
        return route
    end
    local held = merged[route]
    if not held or held.service ~= service then
        held = { service = service, item = merge(service, route) }
        merged[route] = held
    end
    return held.item
end

function M.matched_service(ctx)
    local id = ctx.service_id
    return id and M.get("services", id)
end

-- ctx.matched_upstream: the configuration of where the request goes.
function M.matched_upstream(ctx)
    if ctx.upstream_conf then
        return ctx.upstream_conf
    end
    local route = ctx.matched_route
    local value = route and route.value or {}
    local id = ctx.upstream_id or value.upstream_id
    local stored = id and M.get("upstreams", id)
    return stored and stored.value or value.upstream
end

return M

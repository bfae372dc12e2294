-- resty.rediscluster: commands go to the node that has their key. The map of slots is read once for each
-- cluster (config.name) and worker, and again when a node says MOVED.
local redis = require("resty.redis")
local bit = require("bit")
local band, bxor, lshift, rshift = bit.band, bit.bxor, bit.lshift, bit.rshift
local tonumber, tostring, type, ipairs, setmetatable = tonumber, tostring, type, ipairs, setmetatable

local SLOTS = 16384
local REDIRECTIONS_MAX = 5
local CONNECT_TIMEOUT, SEND_TIMEOUT, READ_TIMEOUT = 1000, 1000, 1000
local KEEPALIVE_TIMEOUT, KEEPALIVE_CONNECTIONS = 60000, 100

local M = { _VERSION = "1.06" }

-- CRC-16/XMODEM, as redis hashes keys.
local function crc16(text)
    local crc = 0
    for i = 1, #text do
        crc = bxor(crc, lshift(text:byte(i), 8))
        for _ = 1, 8 do
            crc = band(crc, 0x8000) ~= 0 and band(bxor(lshift(crc, 1), 0x1021), 0xffff) or band(lshift(crc, 1), 0xffff)
        end
    end
    return crc
end

-- Keys with the same {tag} are on the same node.
local function slot_of(key)
    key = tostring(key)
    local first = key:find("{", 1, true)
    if first then
        local last = key:find("}", first + 1, true)
        if last and last > first + 1 then
            key = key:sub(first + 1, last - 1)
        end
    end
    return crc16(key) % SLOTS
end

-- name of the cluster -> {slots = {[slot] = {ip, port}}, nodes = {...}}
local maps = {}

local function connect(config, node)
    local client, err = redis:new()
    if not client then
        return nil, err
    end
    client:set_timeouts(config.connect_timeout or config.connection_timeout or CONNECT_TIMEOUT,
                        config.send_timeout or SEND_TIMEOUT, config.read_timeout or READ_TIMEOUT)
    local ok, fault = client:connect(node.ip, node.port, config.connect_opts or config.connection_opts)
    if not ok then
        return nil, fault
    end
    if config.auth and client:get_reused_times() == 0 then
        local done, problem
        if config.username then
            done, problem = client:auth(config.username, config.auth)
        else
            done, problem = client:auth(config.auth)
        end
        if not done then
            client:close()
            return nil, problem
        end
    end
    return client
end

local function release(config, client)
    client:set_keepalive(config.keepalive_timeout or KEEPALIVE_TIMEOUT, config.keepalive_cons or KEEPALIVE_CONNECTIONS)
end

local function node_name(node)
    return node.ip .. ":" .. node.port
end

-- Asks one node after the other.
local function read_slots(config)
    local candidates = {}
    for _, node in ipairs(config.serv_list or {}) do
        candidates[#candidates + 1] = node
    end
    for _, node in ipairs(maps[config.name] and maps[config.name].nodes or {}) do
        candidates[#candidates + 1] = node
    end
    local last_error = "no servers"
    for _, node in ipairs(candidates) do
        local client, err = connect(config, node)
        local rows
        if client then
            rows, err = client:cluster("slots")
            if rows then
                release(config, client)
            else
                client:close()
            end
        end
        if type(rows) == "table" and #rows > 0 then
            local map = { slots = {}, nodes = {} }
            for _, row in ipairs(rows) do
                -- a node that does not know its own address says ""
                local ip = row[3][1]
                local master = { ip = (type(ip) ~= "string" or ip == "") and node.ip or ip, port = row[3][2] }
                map.nodes[#map.nodes + 1] = master
                for slot = row[1], row[2] do
                    map.slots[slot] = master
                end
            end
            maps[config.name] = map
            return map
        end
        last_error = err or "no slots"
    end
    return nil, "failed to fetch slots: " .. tostring(last_error)
end

local function map_of(config)
    local map = maps[config.name]
    if map then
        return map
    end
    return read_slots(config)
end

-- Where the first key of a command is.
local function key_of(command, ...)
    command = command:lower()
    if command == "eval" or command == "evalsha" then
        if tonumber((select(2, ...))) == 0 then
            return nil
        end
        return (select(3, ...))
    elseif command == "bitop" then
        return (select(2, ...))
    end
    return (...)
end

-- "MOVED 3999 127.0.0.1:6381"
local function redirection(err)
    if type(err) ~= "string" then
        return nil
    end
    local kind, ip, port = err:match("^(%u+) %d+ (.*):(%d+)$")
    if kind ~= "MOVED" and kind ~= "ASK" then
        return nil
    end
    return kind, { ip = ip, port = tonumber(port) }
end

-- One command, or a pipeline of them for one node.
local function run_on(config, node, call)
    local client, err = connect(config, node)
    if not client then
        return nil, err, true
    end
    local result, fault = call(client)
    if result == nil and fault then
        client:close()
        return nil, fault, true
    end
    release(config, client)
    return result, fault
end

local function run(config, slot, call)
    local map, err = map_of(config)
    if not map then
        return nil, err
    end
    local node = map.slots[slot] or map.nodes[1]
    local is_asking = false
    for _ = 1, config.max_redirection or REDIRECTIONS_MAX do
        local result, fault, is_broken = run_on(config, node, function(client)
            if is_asking then
                client:asking()
            end
            return call(client)
        end)
        local kind, target = redirection(fault)
        if is_broken then
            local fresh, problem = read_slots(config)
            if not fresh then
                return nil, problem
            end
            local other = fresh.slots[slot] or fresh.nodes[1]
            if node_name(other) == node_name(node) then
                return nil, fault
            end
            node, is_asking = other, false
        elseif kind then
            is_asking = kind == "ASK"
            node = target
            if kind == "MOVED" then
                read_slots(config)
            end
        else
            return result, fault
        end
    end
    return nil, "failed to execute command, reaches maximum redirection attempts"
end

local function execute(self, command, ...)
    local pipeline = rawget(self, "_reqs")
    if pipeline then
        pipeline[#pipeline + 1] = { command, key_of(command, ...), table.pack(...) }
        return nil
    end
    local arguments = table.pack(...)
    return run(self.config, slot_of(key_of(command, ...) or ""), function(client)
        return client[command](client, table.unpack(arguments, 1, arguments.n))
    end)
end

local mt = {
    __index = function(_, name)
        local method = M[name]
        if method then
            return method
        end
        method = function(self, ...)
            return execute(self, name, ...)
        end
        M[name] = method
        return method
    end,
}

function M.new(_, config)
    if not config.name then
        return nil, "redis cluster config name is empty"
    end
    if not config.serv_list or #config.serv_list < 1 then
        return nil, "redis cluster config serv_list is empty"
    end
    local self = setmetatable({ config = config }, mt)
    if not maps[config.name] then
        local map, err = read_slots(config)
        if not map then
            return nil, "failed to init slots: " .. tostring(err)
        end
    end
    return self
end

function M.init_slots(self)
    return read_slots(self.config)
end
M.refresh_slots = M.init_slots

function M.init_pipeline(self)
    self._reqs = {}
end

function M.cancel_pipeline(self)
    self._reqs = nil
end

-- Commands of one node go in one pipeline; the replies are in the order of the calls.
function M.commit_pipeline(self)
    local requests = rawget(self, "_reqs")
    if not requests then
        return nil, "no pipeline"
    end
    self._reqs = nil
    local map, err = map_of(self.config)
    if not map then
        return nil, err
    end
    local by_node = {}
    for i, request in ipairs(requests) do
        local slot = slot_of(request[2] or "")
        local node = map.slots[slot] or map.nodes[1]
        local name = node_name(node)
        by_node[name] = by_node[name] or { node = node }
        table.insert(by_node[name], i)
    end
    local replies = {}
    for _, group in pairs(by_node) do
        local got, fault = run_on(self.config, group.node, function(client)
            client:init_pipeline(#group)
            for _, i in ipairs(group) do
                local arguments = requests[i][3]
                client[requests[i][1]](client, table.unpack(arguments, 1, arguments.n))
            end
            return client:commit_pipeline()
        end)
        if not got then
            read_slots(self.config)
            return nil, fault
        end
        for place, i in ipairs(group) do
            local reply = got[place]
            if type(reply) == "table" and reply[1] == false and redirection(reply[2]) then
                local arguments = requests[i][3]
                read_slots(self.config)
                local again, problem = execute(self, requests[i][1], table.unpack(arguments, 1, arguments.n))
                reply = again or { again, problem }
            end
            replies[i] = reply
        end
    end
    return replies
end

return M

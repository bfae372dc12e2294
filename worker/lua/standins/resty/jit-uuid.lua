-- resty.jit-uuid: random (version 4) and name-based (3 and 5) UUIDs.
local random = math.random
local fmt, rep = string.format, string.rep
local bit = require("bit")

local M = { _VERSION = "0.0.7" }

function M.seed(seed)
    seed = seed or ngx.time() + ngx.worker.pid()
    math.randomseed(seed)
    return seed
end

local PATTERN = "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"

function M.is_valid(text)
    return type(text) == "string" and #text == 36 and text:find(PATTERN) ~= nil
end

function M.generate_v4()
    return fmt("%04x%04x-%04x-4%03x-%04x-%04x%04x%04x", random(0, 65535), random(0, 65535), random(0, 65535), random(0, 4095),
        bit.bor(0x8000, random(0, 0x3fff)), random(0, 65535), random(0, 65535), random(0, 65535))
end

local function from_digest(bytes, version)
    local b = { bytes:byte(1, 16) }
    b[7] = bit.bor(bit.band(b[7], 0x0f), version * 16)
    b[9] = bit.bor(bit.band(b[9], 0x3f), 0x80)
    return fmt(rep("%02x", 4) .. "-" .. rep("%02x", 2) .. "-" .. rep("%02x", 2) .. "-" .. rep("%02x", 2) .. "-" .. rep("%02x", 6),
        unpack(b))
end

local function factory(digest, version)
    return function(namespace)
        if type(namespace) ~= "string" then
            return nil, "namespace must be a string"
        end
        if not M.is_valid(namespace) then
            return nil, "namespace must be a valid UUID"
        end
        local prefix = namespace:gsub("-", ""):gsub("%x%x", function(hex) return string.char(tonumber(hex, 16)) end)
        return function(name)
            if type(name) ~= "string" then
                return nil, "name must be a string"
            end
            return from_digest(digest(prefix .. name), version)
        end
    end
end

function M.factory_v3(namespace)
    return factory(ngx.md5_bin, 3)(namespace)
end

function M.factory_v5(namespace)
    return factory(ngx.sha1_bin, 5)(namespace)
end

function M.generate_v3(namespace, name)
    local make, err = M.factory_v3(namespace)
    if not make then
        return nil, err
    end
    return make(name)
end

function M.generate_v5(namespace, name)
    local make, err = M.factory_v5(namespace)
    if not make then
        return nil, err
    end
    return make(name)
end

return setmetatable(M, { __call = M.generate_v4 })

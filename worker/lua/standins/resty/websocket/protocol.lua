-- resty.websocket.protocol: frames of RFC 6455 on a cosocket.
local bit = require("bit")
local band, bxor, bor, rshift = bit.band, bit.bxor, bit.bor, bit.rshift
local byte, char, concat, random = string.byte, string.char, table.concat, math.random

local M = { _VERSION = "0.12" }

M.new_tab = require("table.new")

local NAMES = { [0x0] = "continuation", [0x1] = "text", [0x2] = "binary", [0x8] = "close", [0x9] = "ping",
                [0xa] = "pong" }
local SMALL_MAX = 125
local STEP = 4096  -- characters that are made at once

-- The mask over a payload (section 5.3).
local function apply_mask(mask, text)
    local m = { byte(mask, 1, 4) }
    local out, bytes = {}, {}
    for first = 1, #text, STEP do
        local last = math.min(first + STEP - 1, #text)
        for i = first, last do
            bytes[i - first + 1] = bxor(byte(text, i), m[(i - 1) % 4 + 1])
        end
        out[#out + 1] = char(unpack(bytes, 1, last - first + 1))
    end
    return concat(out)
end

local function read_length(sock, short)
    if short <= SMALL_MAX then
        return short
    end
    local data, err = sock:receive(short == 126 and 2 or 8)
    if not data then
        return nil, "failed to receive the payload length: " .. err
    end
    local length = 0
    if short == 127 and band(byte(data, 1), 0x80) ~= 0 then
        return nil, "payload len too large"
    end
    for i = 1, #data do
        length = length * 256 + byte(data, i)
    end
    return length
end

local function read_close(payload)
    if #payload == 0 then
        return "", "close", nil
    elseif #payload == 1 then
        return nil, nil, "close frame with a body must carry a 2-byte status code"
    end
    local high, low = byte(payload, 1, 2)
    return payload:sub(3), "close", high * 256 + low
end

-- The payload, its type, and an error; "again" as error: more frames of the message follow. Of "close" the third
-- result is the code.
function M.recv_frame(sock, payload_max, must_be_masked)
    local head, err = sock:receive(2)
    if not head then
        return nil, nil, "failed to receive the first 2 bytes: " .. err
    end
    local first, second = byte(head, 1, 2)
    local is_final, opcode = band(first, 0x80) ~= 0, band(first, 0x0f)
    local is_control, is_masked = opcode >= 0x8, band(second, 0x80) ~= 0
    if band(first, 0x70) ~= 0 then
        return nil, nil, "bad RSV1, RSV2, or RSV3 bits"
    elseif not NAMES[opcode] then
        return nil, nil, is_control and "reserved control frames" or "reserved non-control frames"
    elseif must_be_masked and not is_masked then
        return nil, nil, "frame unmasked"
    elseif is_control and not is_final then
        return nil, nil, "fragmented control frame"
    end
    local short = band(second, 0x7f)
    if is_control and short > SMALL_MAX then
        return nil, nil, "too long payload for control frame"
    end
    local length, fault = read_length(sock, short)
    if not length then
        return nil, nil, fault
    elseif length > payload_max then
        return nil, nil, "exceeding max payload len"
    end
    local mask, payload = nil, ""
    if is_masked then
        mask, err = sock:receive(4)
        if not mask then
            return nil, nil, "failed to receive the mask: " .. err
        end
    end
    if length > 0 then
        payload, err = sock:receive(length)
        if not payload then
            return nil, nil, "failed to read the payload: " .. err
        end
    end
    if mask then
        payload = apply_mask(mask, payload)
    end
    if opcode == 0x8 then
        return read_close(payload)
    end
    return payload, NAMES[opcode], not is_final and "again" or nil
end

local function encode_length(length)
    if length <= SMALL_MAX then
        return length, ""
    elseif length <= 0xffff then
        return 126, char(rshift(length, 8), band(length, 0xff))
    end
    local bytes = {}
    for i = 8, 1, -1 do
        bytes[i] = char(length % 256)
        length = math.floor(length / 256)
    end
    return 127, concat(bytes)
end

function M.build_frame(is_final, opcode, length, payload, is_masked)
    local short, more = encode_length(length)
    local first = bor(is_final and 0x80 or 0, opcode)
    if not is_masked then
        return char(first, short) .. more .. payload
    end
    local mask = char(random(0, 255), random(0, 255), random(0, 255), random(0, 255))
    return char(first, bor(short, 0x80)) .. more .. mask .. apply_mask(mask, payload)
end

function M.send_frame(sock, is_final, opcode, payload, payload_max, is_masked)
    payload = payload == nil and "" or tostring(payload)
    local length = #payload
    if length > payload_max then
        return nil, "payload too big"
    end
    if opcode >= 0x8 then
        if length > SMALL_MAX then
            return nil, "too much payload for control frame"
        elseif not is_final then
            return nil, "fragmented control frame"
        end
    end
    local bytes, err = sock:send(M.build_frame(is_final, opcode, length, payload, is_masked))
    if not bytes then
        return nil, "failed to send frame: " .. err
    end
    return bytes
end

-- What client and server share: methods on {sock, max_payload_len, fatal}.
function M.methods(must_be_masked, masks)
    local T = {}

    function T:recv_frame()
        if self.fatal then
            return nil, nil, "fatal error already happened"
        end
        if not self.sock then
            return nil, nil, "not initialized yet"
        end
        local data, kind, err = M.recv_frame(self.sock, self.max_payload_len, must_be_masked)
        if not data and not (err or ""):find(": timeout", 1, true) then
            self.fatal = true
        end
        return data, kind, err
    end

    function T:send_frame(is_final, opcode, payload)
        if self.fatal then
            return nil, "fatal error already happened"
        end
        if self.closed then
            return nil, "already closed"
        end
        if not self.sock then
            return nil, "not initialized yet"
        end
        local bytes, err = M.send_frame(self.sock, is_final, opcode, payload, self.max_payload_len, masks(self))
        if not bytes then
            self.fatal = err:find("failed to send frame", 1, true) ~= nil
        end
        return bytes, err
    end

    function T:send_text(data) return self:send_frame(true, 0x1, data) end
    function T:send_binary(data) return self:send_frame(true, 0x2, data) end
    function T:send_ping(data) return self:send_frame(true, 0x9, data) end
    function T:send_pong(data) return self:send_frame(true, 0xa, data) end

    function T:send_close(code, message)
        local payload = ""
        if code then
            if type(code) ~= "number" or code > 0x7fff then
                return nil, "bad status code"
            end
            payload = char(rshift(code, 8), band(code, 0xff)) .. (message or "")
        end
        local bytes, err = self:send_frame(true, 0x8, payload)
        if not bytes then
            self.fatal = true
            return nil, err
        end
        self.closed = true
        return bytes
    end

    function T:set_timeout(time)
        if not self.sock then
            return nil, "not initialized yet"
        end
        return self.sock:settimeout(time)
    end

    return T
end

return M

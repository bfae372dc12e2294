-- resty.core.base: what libraries take from it: tables of a size, buffers for calls of C functions, and whether a
-- request runs. Functions of nginx itself are not there for FFI.
local ffi = require("ffi")
local new_tab = require("table.new")

local M = { version = "0.1.31", new_tab = new_tab, clear_tab = require("table.clear"), FFI_OK = 0, FFI_NO_REQ_CTX = -100,
            FFI_BAD_CONTEXT = -101, FFI_ERROR = -1, FFI_AGAIN = -2, FFI_BUSY = -3, FFI_DONE = -4, FFI_DECLINED = -5,
            FFI_ABORT = -6 }

local buffer_bytes = 4096
local buffer, size_pointer, text_pointer

function M.set_string_buf_size(size)
    if size <= 0 then
        return
    end
    buffer, buffer_bytes = nil, math.ceil(size)
end

function M.get_string_buf_size()
    return buffer_bytes
end

function M.get_size_ptr()
    size_pointer = size_pointer or ffi.new("size_t[1]")
    return size_pointer
end

function M.get_errmsg_ptr()
    text_pointer = text_pointer or ffi.new("unsigned char *[1]")
    return text_pointer
end

-- One buffer for all; larger ones, and those that must be the caller's own, are new.
function M.get_string_buf(size, must_alloc)
    if must_alloc or size > buffer_bytes then
        return ffi.new("unsigned char[?]", size)
    end
    buffer = buffer or ffi.new("unsigned char[?]", buffer_bytes)
    return buffer
end

-- A value that stands for the request; nil: none runs.
function M.get_request()
    local ok, method = pcall(function() return ngx.var.request_method end)
    return ok and method ~= nil and ngx.ctx or nil
end

function M.set_req(_) end

-- A place of `value` in `t`; places that are free again are linked from 0 on.
function M.ref_in_table(t, value)
    if value == nil then
        return -1
    end
    local place = t[0]
    if place and place ~= 0 then
        t[0] = t[place]
    else
        place = #t + 1
    end
    t[place] = value
    return place
end

function M.allows_subsystem(...)
    for _, name in ipairs({ ... }) do
        if name == ngx.config.subsystem then
            return
        end
    end
    error("unsupported subsystem: " .. ngx.config.subsystem, 2)
end

function M.check_subsystem(...)
    return M.allows_subsystem(...)
end

return M

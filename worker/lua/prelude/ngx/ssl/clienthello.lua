-- ngx.ssl.clienthello: there is no phase of Lua before a TLS handshake here, so each function raises what it raises in the wrong
-- phase of OpenResty. Modules that require this one load, and their other phases work.
local _M = { version = "0.1.31" }

local function disabled()
    error("API disabled in the current context", 2)
end

for _, name in ipairs({ "get_client_hello_server_name", "get_client_hello_ext", "get_client_hello_ext_present",
                        "get_supported_versions", "get_client_hello_ciphers", "set_protocols" }) do
    _M[name] = disabled
end

return _M

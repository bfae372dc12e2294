-- apisix.ssl: the gateway picks certificates itself.
local function refuse()
    return nil, "the gateway picks certificates itself"
end

return {
    server_name = function() return ngx.var.ssl_server_name end, session_hostname = refuse,
    set_protocols_by_clienthello = refuse, fetch_cert = refuse, fetch_pkey = refuse, check_ssl_conf = refuse,
    aes_encrypt_pkey = refuse, aes_decrypt_pkey = refuse, get_status_request_ext = refuse,
}

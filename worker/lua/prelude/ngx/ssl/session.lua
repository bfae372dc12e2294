-- ngx.ssl.session: the gateway keeps sessions of TLS itself.
local function refuse()
    return nil, "the gateway keeps sessions of TLS itself"
end

return { version = "0.1.31", get_serialized_session = refuse, get_session_id = refuse, set_serialized_session = refuse }

-- ngx.balancer: the gateway picks nodes itself; `apisix.upstream.set()` says among which.
local function refuse()
    return nil, "the gateway picks nodes itself"
end

return {
    version = "0.1.31", set_current_peer = refuse, set_more_tries = refuse, get_last_failure = function() return nil end,
    set_timeouts = refuse, enable_keepalive = refuse, recreate_request = refuse,
    set_upstream_tls = refuse, bind_to_local_addr = refuse,
}

-- apisix.healthcheck_manager: the gateway checks nodes itself.
local function none()
    return nil
end

return {
    fetch_checker = none, ensure_checker = none, fetch_node_status = function() return true end,
    init_worker = function() end, upstream_event = {},
}

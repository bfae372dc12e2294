-- apisix.plugins.prometheus.exporter: metrics of scripts, in the dictionary "prometheus-metrics". The pages of the
-- gateway's own metrics have them too.
local plugin_attr = require("apisix.plugin").plugin_attr

local M = {}
local registry

function M.get_prometheus()
    if not registry then
        local attr = plugin_attr("prometheus") or {}
        registry = require("prometheus").init("prometheus-metrics", attr.metric_prefix or "apisix_")
    end
    return registry
end

function M.metric_data()
    return table.concat(M.get_prometheus():metric_data())
end

function M.export_metrics()
    return 200, M.metric_data()
end

-- The gateway counts requests itself.
function M.http_init() end
function M.http_log() end
function M.stream_init() end
function M.stream_log() end
function M.destroy() end

return M

-- apisix.utils.upstream: lists of nodes.
local sort = table.sort

local M = {}

local function by_host(a, b)
    return a.host < b.host
end

-- Whether the nodes of an upstream are those of `new`, whatever their order.
function M.compare_upstream_node(upstream, new)
    local old = upstream and upstream.nodes
    if old ~= nil and old == new then
        return true
    end
    if type(old) ~= "table" then
        return false
    end
    if upstream.original_nodes and #old > 0 then
        old = upstream.original_nodes
    end
    if #old ~= #new then
        return false
    end
    sort(old, by_host)
    sort(new, by_host)
    for i, node in ipairs(old) do
        local other = new[i]
        for _, name in ipairs({ "host", "port", "weight", "priority", "metadata" }) do
            if node[name] ~= other[name] then
                return false
            end
        end
    end
    return true
end

function M.version(index, nodes_version)
    return nodes_version and tostring(index) .. "#" .. tostring(nodes_version) or index
end

return M

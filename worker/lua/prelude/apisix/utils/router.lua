-- apisix.utils.router: a radix tree of the user's own lua-resty-radixtree; the gateway has none for scripts.
return {
    new = function(routes)
        local ok, radixtree = pcall(require, "resty.radixtree")
        if not ok then
            return nil, "resty.radixtree is not available in this gateway"
        end
        return radixtree.new(routes, { no_param_match = true })
    end,
}

-- core.ctx: what a request carries. The table itself is the gateway's; see register_var for variables of plugins.
local log = require("apisix.core.log")
local data = require("gateway.ctx")
local type, error = type, error

local M = { version = 0.2 }

-- $name is what `getter(ctx)` gives, in plugins, conditions and log formats. opts.no_cacheable: asked each time.
function M.register_var(name, getter, opts)
    if type(getter) ~= "function" then
        error("the getter of registered var should be a function")
    end
    data.register_var(name, getter, opts and opts.no_cacheable)
end

function M.set_vars_meta(ctx)
    if not ctx.var then
        ctx.var = ngx.ctx.api_ctx and ngx.ctx.api_ctx.var
    end
end

function M.release_vars() end

function M.generate_random_var() end

return M

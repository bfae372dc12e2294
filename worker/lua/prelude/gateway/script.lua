-- gateway.script: how a route's script runs, by the names of hooks. Each gets the script's chunk in the place of a
-- configuration; what the script's functions return does not count, as in APISIX.
local core = require("apisix.core")

local M = {}

-- Before the global rules' access phase. The chunk runs for each request: its locals are the request's own.
function M.rewrite(chunk, ctx)
    if type(chunk) == "string" then
        error(chunk, 0)
    end
    local script = chunk()
    ctx.script_obj = script
    if not script then
        core.log.error("missing loaded script object")
    end
end

for _, phase in ipairs({ "access", "before_proxy", "header_filter", "body_filter", "delayed_body_filter", "log" }) do
    M[phase] = function(_, ctx)
        local script = ctx.script_obj
        if not script then
            return
        end
        core.log.info("loaded script_obj: ", core.json.delay_encode(script, true))
        local run = script[phase]
        if run then
            run(ctx)
        end
    end
end

return M

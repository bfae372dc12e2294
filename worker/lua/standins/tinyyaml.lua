-- tinyyaml: YAML as the gateway itself reads it.
local yaml = require("gateway.yaml")

return {
    null = ngx.null,
    parse = function(text)
        local value, err = yaml.parse(text)
        if value == nil then
            error(err, 2)
        end
        return value
    end,
}

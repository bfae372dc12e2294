-- jsonschema: validators of the gateway's own checker.
--
--   local validate = jsonschema.generate_validator(schema)
--   local ok, err = validate(value)
local schema = require("gateway.schema")

return {
    generate_validator = function(conf)
        if type(conf) ~= "table" and type(conf) ~= "boolean" then
            error("schema is not a table", 2)
        end
        if conf == true then
            conf = {}
        elseif conf == false then
            return function() return false, "never valid" end
        end
        local _, err = schema.check(conf, ngx.null)
        if type(err) == "string" and err:find("invalid schema", 1, true) then
            error(err, 2)
        end
        return function(value)
            return schema.check(conf, value)
        end
    end,
}

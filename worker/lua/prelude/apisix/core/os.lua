-- core.os: the process's environment.
local info = require("gateway.info")

return {
    setenv = function(name, value)
        if type(value) == "boolean" or type(value) == "number" then
            value = tostring(value)
        end
        if type(name) ~= "string" or type(value) ~= "string" then
            return false, "invalid argument"
        end
        return info.setenv(name, value)
    end,
    usleep = function(us) ngx.sleep(us / 1000000) end,
}

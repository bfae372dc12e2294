-- core.os: the process's environment.
local info = require("gateway.info")

return {
    setenv = function(name, value)
        if type(name) ~= "string" or (type(value) ~= "string" and type(value) ~= "number") then
            return false, "invalid argument"
        end
        return info.setenv(name, tostring(value))
    end,
    -- The worker serves others meanwhile.
    usleep = function(us)
        if math.ceil(us) ~= math.floor(us) then
            error("bad microseconds: " .. us)
        end
        ngx.sleep(us / 1000000)
    end,
}

-- resty.apisix.process: of APISIX's own nginx module. The gateway does this itself.
return setmetatable({}, {
    __index = function()
        return function() return nil, "not available in this gateway" end
    end,
})

-- core.log: one function for each level; one that is not logged costs a lookup and an empty call.
local ngx = ngx
local errlog = require("ngx.errlog")
local select, tostring, setmetatable = select, tostring, setmetatable

local levels = {
    stderr = ngx.STDERR, emerg = ngx.EMERG, alert = ngx.ALERT, crit = ngx.CRIT, error = ngx.ERR, warn = ngx.WARN,
    notice = ngx.NOTICE, info = ngx.INFO, debug = ngx.DEBUG,
}

local function nothing() end

local function current_level()
    return errlog.get_sys_filter_level()
end

local function make(level, prefix)
    if level > current_level() then
        return nothing
    end
    if prefix then
        return function(...)
            return ngx.log(level, prefix, ...)
        end
    end
    return function(...)
        return ngx.log(level, ...)
    end
end

local M = { version = 0.4 }

-- core.log.new(prefix): the same functions, each line with the prefix in front.
function M.new(prefix)
    return setmetatable({ version = M.version }, {
        __index = function(self, name)
            local level = levels[name]
            if not level then
                return nil
            end
            local write = make(level, prefix)
            self[name] = write
            return write
        end,
    })
end

-- A value that is only made when the line is written: log.info(log.delay_exec(f, ...)).
local delayed = setmetatable({}, {
    __tostring = function(self)
        return tostring((self.func(unpack(self.args, 1, self.count))) or "")
    end,
})

function M.delay_exec(func, ...)
    delayed.func = func
    delayed.args = { ... }
    delayed.count = select("#", ...)
    return delayed
end

return setmetatable(M, {
    __index = function(self, name)
        local level = levels[name]
        if not level then
            return nil
        end
        local write = make(level)
        self[name] = write
        return write
    end,
})

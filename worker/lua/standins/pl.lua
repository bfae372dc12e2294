-- pl: the modules as fields, loaded when they are first used.
return setmetatable({}, {
    __index = function(pl, name)
        local ok, module = pcall(require, "pl." .. name)
        if not ok then
            return nil
        end
        pl[name] = module
        return module
    end,
})

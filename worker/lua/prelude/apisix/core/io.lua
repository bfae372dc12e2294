local open = io.open

return {
    get_file = function(name)
        local file, err = open(name, "r")
        if not file then
            return nil, err
        end
        local content, fault = file:read("*all")
        file:close()
        return content, fault
    end,
}

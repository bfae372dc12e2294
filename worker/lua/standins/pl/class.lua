-- pl.class: classes with inheritance, "_init" as constructor and "_class" in every object.
local compare

-- A metamethod of a base counts for its heirs.
local function inherit(class, base)
    for name, value in pairs(base) do
        if type(name) == "string" and name:sub(1, 2) == "__" and name ~= "__index" and rawget(class, name) == nil then
            class[name] = value
        end
    end
end

local function construct(class, object, ...)
    local init = rawget(class, "_init")
    if init then
        return init(object, ...)
    elseif class._base then
        return construct(class._base, object, ...)
    end
    return nil
end

local function make_object(class, ...)
    local object = setmetatable({}, class)
    local create = class._create
    if create then
        object = create(...) or object
        setmetatable(object, class)
    end
    -- self:super(...) inside of a constructor is that of the base
    local result = construct(class, object, ...)
    return result or object
end

local function is_a(object, class)
    local mt = type(object) == "table" and getmetatable(object)
    if class == nil then
        return mt
    end
    while mt do
        if rawequal(mt, class) then
            return true
        end
        mt = rawget(mt, "_base")
    end
    return false
end
compare = is_a

local function make(base, members)
    local class = {}
    if type(base) == "table" and getmetatable(base) == nil and rawget(base, "_class") == nil then
        members, base = base, members or rawget(base, "_base")
    end
    class.__index = class
    class._class = class
    class._base = base
    class.is_a = is_a
    class.class_of = function(self, object) return compare(object or self, self) end
    class.cast = function(self, object) return setmetatable(object, self) end
    if base then
        inherit(class, base)
        class._handler = rawget(base, "_handler")
        if base._class_init then
            base._class_init(class)
        end
    end
    for name, value in pairs(members or {}) do
        if name ~= "_base" then
            class[name] = value
        end
    end
    class.super = base and function(self, ...) return construct(base, self, ...) end or nil
    class.catch = function(_, handler)
        local catch = type(handler) == "string" and function(self) return self[handler] end or handler
        class._handler = catch
        class.__index = function(self, name)
            local value = class[name]
            if value ~= nil then
                return value
            end
            return catch(self, name)
        end
    end
    return setmetatable(class, {
        __call = make_object,
        __index = base,
        __tostring = function() return "class " .. (rawget(class, "_name") or "?") end,
    })
end

-- class(base), class{members}, class.Name(base): the last one is a global.
local M = setmetatable({ class_of = is_a, _class = nil }, {
    __call = function(_, ...) return make(...) end,
    __index = function(_, name)
        return function(...)
            local made = make(...)
            made._name = name
            rawset(getfenv(2), name, made)
            return made
        end
    end,
})

function M.properties(base, members)
    local class = make(base, members)
    class.__index = function(self, name)
        local value = class[name]
        if value ~= nil then
            return value
        end
        local getter = class["get_" .. name]
        if getter then
            return getter(self)
        end
        return rawget(self, "_" .. name)
    end
    class.__newindex = function(self, name, value)
        local setter = class["set_" .. name]
        if setter then
            setter(self, value)
        else
            rawset(self, name, value)
        end
    end
    return class
end

return M

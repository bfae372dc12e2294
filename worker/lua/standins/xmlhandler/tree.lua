-- xmlhandler.tree: what xml2lua's parser builds: elements are tables by name, lists where one is there twice,
-- attributes in _attr; an element with a text alone is the text.
local tree = {}
tree.__index = tree

function tree.new()
    local self = setmetatable({ root = {}, options = { noreduce = {} } }, tree)
    self._stack = { self.root }
    self._names = {}
    return self
end

function tree:new_instance()
    return tree.new()
end

function tree:starttag(name, attributes)
    local element = {}
    if attributes and next(attributes) then
        element._attr = attributes
    end
    local parent = self._stack[#self._stack]
    local known = parent[name]
    if known == nil then
        parent[name] = element
    elseif type(known) == "table" and known[1] ~= nil and getmetatable(known) == "list" then
        known[#known + 1] = element
    else
        parent[name] = setmetatable({ known, element }, { __metatable = "list" })
    end
    self._stack[#self._stack + 1] = element
    self._names[#self._names + 1] = name
end

function tree:text(text)
    local element = self._stack[#self._stack]
    element[#element + 1] = text
end

-- A text and nothing else.
local function is_plain(element)
    local first = next(element)
    return first == 1 and next(element, first) == nil and type(element[1]) == "string"
end

function tree:endtag(name)
    local element = table.remove(self._stack)
    self._names[#self._names] = nil
    local parent = self._stack[#self._stack]
    if is_plain(element) and not self.options.noreduce[name] then
        local place = parent[name]
        if rawequal(place, element) then
            parent[name] = element[1]
        elseif type(place) == "table" then
            place[#place] = element[1]
        end
    end
end

return setmetatable({}, { __index = function(_, key) return tree[key] end, __call = tree.new })

-- resty.template: texts with Lua in them.
--
--   {{ expression }}  its value, escaped for HTML        {* expression *}  its value as it is
--   {% statements %}                                     {# comment #}
--   {( file )}, {[ "file" ]}  another template           {-name-} ... {-name-}  a block, kept in blocks.name
--   {-raw-} ... {-raw-}  as it is                        a backslash before a tag takes its meaning
local M = { _VERSION = "2.0" }

local concat, gsub, find, sub, byte = table.concat, string.gsub, string.find, string.sub, string.byte

local ESCAPED = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;", ["/"] = "&#47;" }
local CODE_ESCAPED = { ["{"] = "&#123;", ["}"] = "&#125;" }

local caching = true
local cache = {}

function M.output(value)
    if value == nil or value == ngx.null then
        return ""
    elseif type(value) == "function" then
        return M.output(value())
    end
    return tostring(value)
end

function M.escape(value, escapes_code)
    if type(value) ~= "string" then
        return M.output(value)
    end
    value = gsub(value, "[&<>\"'/]", ESCAPED)
    return escapes_code and gsub(value, "[{}]", CODE_ESCAPED) or value
end

local function read_file(name)
    local file = io.open(name, "rb")
    if not file then
        return nil
    end
    local text = file:read("*a")
    file:close()
    return text
end

-- A file below the prefix's html folder, or a name as it is; what is no file is the text itself.
function M.load(view, plain)
    if plain then
        return view
    end
    local root = ngx.config.prefix() .. "html/"
    return read_file(root .. view) or (not find(view, "\n", 1, true) and read_file(view)) or view
end

local CLOSES = { ["{"] = "}}", ["*"] = "*}", ["%"] = "%}", ["#"] = "#}", ["("] = ")}", ["["] = "]}" }

local function literal(text)
    return ("___[#___+1]=%q\n"):format(text)
end

local function include(argument)
    local file, context = argument:match("^([^,]*),%s*(.*)$")
    if file then
        return ("___[#___+1]=include([=[%s]=],%s)\n"):format(file, context)
    end
    return ("___[#___+1]=include([=[%s]=])\n"):format(argument)
end

local WRITES = {
    ["{"] = function(code) return "___[#___+1]=template.escape(" .. code .. ")\n" end,
    ["*"] = function(code) return "___[#___+1]=template.output(" .. code .. ")\n" end,
    ["%"] = function(code) return code .. "\n" end,
    ["#"] = function() return "" end,
    ["("] = function(code) return include(code:match("^%s*(.-)%s*$")) end,
    ["["] = function(code) return "___[#___+1]=include(" .. code .. ")\n" end,
}

-- "{-name-}" at `at`: its name, and where it ends.
local function block_at(text, at)
    local first, last, name = find(text, "^{%-%s*([%w_]+)%s*%-}", at)
    return first and name, last
end

-- A line that has a statement alone leaves no empty line.
local function skip_line_end(text, at, kind)
    if (kind == "%" or kind == "#") and sub(text, at, at) == "\n" then
        return at + 1
    end
    return at
end

-- The Lua of a template.
function M.parse(view, plain)
    local text = M.load(view, plain)
    local out = { "return function(context)\nlocal ___,blocks={},context.blocks or {}\n",
                  "local function include(v, c) return template.include(v, c or context) end\n" }
    local at, from = 1, 1
    local function flush(to)
        if to >= from then
            out[#out + 1] = literal(sub(text, from, to))
        end
    end
    while true do
        local start = find(text, "{", at, true)
        if not start then
            break
        end
        local kind = sub(text, start + 1, start + 1)
        local close = CLOSES[kind]
        local name, name_end
        if kind == "-" then
            name, name_end = block_at(text, start)
        end
        if (close or name) and start > 1 and byte(text, start - 1) == 92 then
            flush(start - 2)
            from, at = start, start + 1
        elseif close then
            local stop = find(text, close, start + 2, true)
            if not stop then
                break
            end
            flush(start - 1)
            out[#out + 1] = WRITES[kind](sub(text, start + 2, stop - 1))
            from = skip_line_end(text, stop + 2, kind)
            at = from
        elseif name then
            local stop, stop_end = find(text, "{%-%s*" .. name .. "%s*%-}", name_end + 1)
            if not stop then
                at = start + 1
            else
                flush(start - 1)
                local body = sub(text, name_end + 1, stop - 1)
                if name == "raw" or name == "verbatim" then
                    out[#out + 1] = literal(body)
                else
                    out[#out + 1] = ("blocks[%q]=include(%q)\n"):format(name, body)
                end
                from, at = stop_end + 1, stop_end + 1
            end
        else
            at = start + 1
        end
    end
    flush(#text)
    out[#out + 1] = "return template.finish(context, blocks, ___)\nend\n"
    return concat(out)
end

-- The text, or the layout that the template named, around it.
function M.finish(context, blocks, pieces)
    local text = concat(pieces)
    local layout = rawget(context, "layout")
    if not layout then
        return text
    end
    local outer = setmetatable({ view = text, blocks = blocks, layout = false }, { __index = context })
    return M.process(layout, outer)
end

-- view -> function(context) that gives the text
function M.compile(view, key, plain)
    if type(view) == "table" and view.template then
        view = view.template
    end
    local name = key or view
    if caching and key ~= "no-cache" and cache[name] then
        return cache[name]
    end
    local chunk, err = loadstring(M.parse(view, plain), "=template")
    if not chunk then
        error(err, 2)
    end
    local function render(context)
        context = context or {}
        local env = setmetatable({ template = M }, {
            __index = function(_, field)
                local value = context[field]
                if value == nil then
                    return _G[field]
                end
                return value
            end,
            __newindex = context,
        })
        -- the function that the chunk makes has its environment: each rendering has its own
        return setfenv(chunk, env)()(context)
    end
    if caching and key ~= "no-cache" then
        cache[name] = render
    end
    return render
end
M.compile_file = M.compile

function M.compile_string(view, key)
    return M.compile(view, key, true)
end

-- Inside of another one: that one has the layout.
function M.include(view, context)
    return M.process(view, setmetatable({ layout = false }, { __index = context }))
end

function M.process(view, context, key, plain)
    return M.compile(view, key, plain)(context)
end
M.process_file = M.process

function M.process_string(view, context, key)
    return M.process(view, context, key, true)
end

function M.render(view, context, key, plain)
    ngx.print(M.process(view, context, key, plain))
end
M.render_file = M.render

function M.render_string(view, context, key)
    M.render(view, context, key, true)
end

local view_mt = {}
view_mt.__index = view_mt
function view_mt:render(context) ngx.print(tostring(self:process(context))) end
function view_mt:process(context) return M.process(rawget(self, "___view"), context or self) end
view_mt.__tostring = function(self) return self:process() end

-- An object whose fields are the context.
function M.new(view, layout)
    if view == nil or type(view) == "table" then
        return M
    end
    return setmetatable({ ___view = view, layout = layout }, view_mt)
end

function M.caching(enable)
    if enable ~= nil then
        caching = enable == true
    end
    return caching
end

M.cache = cache
return M

-- xml2lua: XML as tables, and back.
--
--   local handler = require("xmlhandler.tree"):new()
--   require("xml2lua").parser(handler):parse(text)     -- handler.root
local M = { _VERSION = "1.6" }

local ENTITIES = { lt = "<", gt = ">", amp = "&", quot = '"', apos = "'" }

local function utf8(code)
    if code < 0x80 then
        return string.char(code)
    elseif code < 0x800 then
        return string.char(0xc0 + math.floor(code / 64), 0x80 + code % 64)
    elseif code < 0x10000 then
        return string.char(0xe0 + math.floor(code / 4096), 0x80 + math.floor(code / 64) % 64, 0x80 + code % 64)
    end
    return string.char(0xf0 + math.floor(code / 262144) % 8, 0x80 + math.floor(code / 4096) % 64,
                       0x80 + math.floor(code / 64) % 64, 0x80 + code % 64)
end

local function unescape(text)
    return (text:gsub("&(#?x?)(%w+);", function(kind, name)
        if kind == "" then
            return ENTITIES[name]
        end
        local code = tonumber(name, kind == "#x" and 16 or 10)
        return code and code < 0x110000 and utf8(code) or nil
    end))
end

local function read_attributes(text)
    local out = {}
    for name, _, value in text:gmatch("([%w_:.-]+)%s*=%s*([\"'])(.-)%2") do
        out[name] = unescape(value)
    end
    return out
end

local function place_of(text, at)
    local _, lines = text:sub(1, at):gsub("\n", "")
    return lines + 1
end

local Parser = {}
Parser.__index = Parser

local function add_text(handler, text)
    text = text:match("^%s*(.-)%s*$")
    if text ~= "" then
        handler:text(unescape(text))
    end
end

-- Comments, declarations and instructions are left out. Raises where elements do not fit.
function Parser:parse(text)
    local handler, open, at = self.handler, {}, 1
    while true do
        local start = text:find("<", at, true)
        add_text(handler, text:sub(at, (start or #text + 1) - 1))
        if not start then
            break
        end
        local stop
        if text:sub(start, start + 3) == "<!--" then
            _, stop = text:find("-->", start + 4, true)
        elseif text:sub(start, start + 8) == "<![CDATA[" then
            local close
            close, stop = text:find("]]>", start + 9, true)
            if close then
                handler:text(text:sub(start + 9, close - 1))
            end
        elseif text:find("^<[?!]", start) then
            stop = text:find(">", start, true)
        else
            stop = text:find(">", start, true)
            local closes, name, rest, is_empty = (stop and text:sub(start, stop) or ""):match(
                "^<(/?)([%w_:.-]+)(.-)(/?)>$")
            if not name then
                error("Error parsing XML: invalid tag, line " .. place_of(text, start), 0)
            end
            if closes == "/" then
                if table.remove(open) ~= name then
                    error("Error parsing XML: unmatched tag " .. name .. ", line " .. place_of(text, start), 0)
                end
                handler:endtag(name)
            else
                handler:starttag(name, read_attributes(rest))
                if is_empty == "/" then
                    handler:endtag(name)
                else
                    open[#open + 1] = name
                end
            end
        end
        if not stop then
            error("Error parsing XML: it ends in the middle, line " .. place_of(text, start), 0)
        end
        at = stop + 1
    end
    if #open > 0 then
        error("Error parsing XML: " .. open[#open] .. " is not closed", 0)
    end
end

function M.parser(handler)
    if handler == nil then
        error("No handler was given", 2)
    end
    return setmetatable({ handler = handler }, Parser)
end

local function escape(value)
    return (tostring(value):gsub("[&<>\"']", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;",
                                               ["'"] = "&apos;" }))
end

local function write(out, value, name, indent)
    local spaces = ("  "):rep(indent)
    if type(value) == "table" and value[1] ~= nil and value._attr == nil and type(value[1]) == "table"
        or type(value) == "table" and #value > 1 then
        for _, one in ipairs(value) do
            write(out, one, name, indent)
        end
        return
    end
    local attributes = {}
    if type(value) == "table" then
        for key, text in pairs(value._attr or {}) do
            attributes[#attributes + 1] = (' %s="%s"'):format(key, escape(text))
        end
        table.sort(attributes)
    end
    local head = spaces .. "<" .. name .. table.concat(attributes) .. ">"
    if type(value) ~= "table" or (value[1] ~= nil and type(value[1]) ~= "table") then
        out[#out + 1] = head .. escape(type(value) == "table" and value[1] or value) .. "</" .. name .. ">"
        return
    end
    out[#out + 1] = head
    local keys = {}
    for key in pairs(value) do
        if key ~= "_attr" then
            keys[#keys + 1] = key
        end
    end
    table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
    for _, key in ipairs(keys) do
        write(out, value[key], tostring(key), indent + 1)
    end
    out[#out + 1] = spaces .. "</" .. name .. ">"
end

-- toXml(table [, name of the element around it])
function M.toXml(value, name)
    local out = {}
    if name then
        write(out, value, name, 0)
    else
        for key, one in pairs(value) do
            write(out, one, tostring(key), 0)
        end
    end
    return table.concat(out, "\n") .. "\n"
end

function M.toString(value)
    return require("pl.pretty").write(value)
end

function M.loadFile(name)
    local file, err = io.open(name, "r")
    if not file then
        error(err, 2)
    end
    local text = file:read("*a")
    file:close()
    return text
end

return M

-- ngx.re.sub and gsub with a function in the place of a template. In Lua, as in OpenResty: the function may wait, which it could
-- not under a function in C.
local step = require("gateway.regex").step
local type, error, tostring, concat = type, error, tostring, table.concat

local function replace(subject, regex, by, options, all)
    subject = type(subject) == "string" and subject or tostring(subject)
    local out, count, copied, from = {}, 0, 0, 0
    repeat
        local match, first, past, next_from = step(subject, regex, options, from)
        if not match then
            if first then
                return nil, nil, first
            end
            break
        end
        local text = by(match)
        if type(text) ~= "string" and type(text) ~= "number" then
            error("string or number expected to be returned by the replace function, got " .. type(text), 3)
        end
        out[#out + 1] = subject:sub(copied + 1, first)
        out[#out + 1] = text
        copied, from, count = past, next_from, count + 1
    until not all
    if count == 0 then
        return subject, 0
    end
    out[#out + 1] = subject:sub(copied + 1)
    return concat(out), count
end

for _, functions in ipairs({ ngx.re, require("ngx.re") }) do
    for name, all in pairs({ sub = false, gsub = true }) do
        local by_template = functions[name]
        functions[name] = function(subject, regex, by, options, ...)
            if type(by) ~= "function" then
                return by_template(subject, regex, by, options, ...)
            end
            return replace(subject, regex, by, options, all)
        end
    end
end

return true

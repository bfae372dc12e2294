-- resty.cookie: the request's cookies, and Set-Cookie.
local M = { _VERSION = "0.1.1" }
local mt = { __index = M }

function M.new()
    return setmetatable({ header = ngx.var.http_cookie }, mt)
end

local function parse(text)
    local out = {}
    for name, value in text:gmatch("%s*([^=;%s]+)%s*=%s*([^;]*)") do
        value = value:gsub("%s+$", "")
        out[name] = value:match('^"(.*)"$') or value
    end
    return out
end

function M.get_all(self)
    if not self.header then
        return nil, "no cookie found in the current request"
    end
    self.cookies = self.cookies or parse(self.header)
    return self.cookies
end

function M.get(self, name)
    local all, err = self:get_all()
    if not all then
        return nil, err
    end
    return all[name]
end

function M.get_cookie_size(self)
    return self.header and #self.header or 0
end

local function bake(cookie)
    if not cookie.key or not cookie.value then
        return nil, 'missing cookie field "key" or "value"'
    end
    if cookie["max-age"] then
        cookie.max_age = cookie["max-age"]
    end
    if cookie.samesite then
        local same = cookie.samesite
        if same ~= "Strict" and same ~= "Lax" and same ~= "None" then
            cookie.samesite = nil
            ngx.log(ngx.WARN, "SameSite value must be 'Strict', 'Lax' or 'None'")
        end
    end
    return cookie.key .. "=" .. cookie.value
        .. (cookie.expires and "; Expires=" .. cookie.expires or "")
        .. (cookie.max_age and "; Max-Age=" .. cookie.max_age or "")
        .. (cookie.domain and "; Domain=" .. cookie.domain or "")
        .. (cookie.path and "; Path=" .. cookie.path or "")
        .. (cookie.secure and "; Secure" or "")
        .. (cookie.httponly and "; HttpOnly" or "")
        .. (cookie.samesite and "; SameSite=" .. cookie.samesite or "")
        .. (cookie.extension and "; " .. cookie.extension or "")
end

function M.set(_, cookie)
    local text, err = bake(cookie)
    if not text then
        return nil, err
    end
    local set = ngx.header["Set-Cookie"]
    if type(set) == "table" then
        set[#set + 1] = text
    elseif set then
        set = { set, text }
    else
        set = text
    end
    ngx.header["Set-Cookie"] = set
    return true
end

return M

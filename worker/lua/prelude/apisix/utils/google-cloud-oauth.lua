-- apisix.utils.google-cloud-oauth: access tokens of a service account (RFC 7523), renewed a minute before they end.
local core = require("apisix.core")
local http = require("resty.http")
local jwt = require("resty.jwt")

local LIFETIME = 3600
local RENEWED_BEFORE = 60

local M = {}
local mt = { __index = M }

local function now()
    ngx.update_time()
    return ngx.time()
end

function M.new(config, ssl_verify)
    local scope = config.scope or "https://www.googleapis.com/auth/cloud-platform"
    return setmetatable({
        client_email = config.client_email, private_key = config.private_key, project_id = config.project_id,
        token_uri = config.token_uri or "https://oauth2.googleapis.com/token",
        auth_uri = config.auth_uri or "https://accounts.google.com/o/oauth2/auth", entries_uri = config.entries_uri,
        scope = type(scope) == "table" and table.concat(scope, " ") or scope, ssl_verify = ssl_verify,
        access_token_expire_time = 0,
    }, mt)
end

function M:generate_jwt_token()
    local issued = now()
    return jwt:sign(self.private_key, {
        header = { alg = "RS256", typ = "JWT" },
        payload = core.json.encode({ iss = self.client_email, aud = self.token_uri, scope = self.scope, iat = issued,
                                     exp = issued + LIFETIME }),
    })
end

function M:refresh_access_token()
    local res, err = http.new():request_uri(self.token_uri, {
        ssl_verify = self.ssl_verify, method = "POST",
        body = ngx.encode_args({ grant_type = "urn:ietf:params:oauth:grant-type:jwt-bearer",
                                 assertion = self:generate_jwt_token() }),
        headers = { ["Content-Type"] = "application/x-www-form-urlencoded" },
    })
    if not res then
        core.log.error("failed to refresh google oauth access token, ", err)
        return
    end
    if res.status ~= 200 then
        core.log.error("failed to refresh google oauth access token: ", res.body)
        return
    end
    local token
    token, err = core.json.decode(res.body)
    if not token then
        core.log.error("failed to parse google oauth response data: ", err)
        return
    end
    self.access_token, self.access_token_type, self.access_token_ttl = token.access_token, token.token_type, token.expires_in
    self.access_token_expire_time = now() + token.expires_in
end

function M:generate_access_token()
    if not self.access_token or now() > self.access_token_expire_time - RENEWED_BEFORE then
        self:refresh_access_token()
    end
    return self.access_token
end

return M

-- resty.jwt: signed JSON Web Tokens (RFC 7519): HS*, RS*, PS*, ES* and EdDSA. Encrypted ones are refused.
local cjson = require "cjson.safe"
local base64 = require "ngx.base64"
local crypto = require "gateway.crypto"
local validators = require "resty.jwt-validators"

local _M = { _VERSION = "0.2.3" }

local hmacs = { HS256 = "sha256", HS384 = "sha384", HS512 = "sha512" }
local with_key = { RS256 = true, RS384 = true, RS512 = true, PS256 = true, PS384 = true, PS512 = true,
                   ES256 = true, ES384 = true, ES512 = true, EdDSA = true }

function _M.jwt_encode(self, value, is_payload)
  if is_payload and self.payload_encoder then value = self.payload_encoder(value) end
  if type(value) == "table" then value = cjson.encode(value) end
  return (base64.encode_base64url(value))
end

-- nil: it is no base64url, or no JSON where that is wanted.
function _M.jwt_decode(self, text, as_json, is_payload)
  local bytes = base64.decode_base64url(text)
  if not bytes or not as_json then return bytes end
  if is_payload and self.payload_decoder then return self.payload_decoder(bytes) end
  return (cjson.decode(bytes))
end

local function raw_part(self, jwt_obj, name)
  local raw = jwt_obj["raw_" .. name]
  if raw then return raw end
  if jwt_obj[name] == nil then error({ reason = "missing part " .. name }) end
  return self:jwt_encode(jwt_obj[name], name == "payload")
end

local function signed_text(self, jwt_obj)
  return raw_part(self, jwt_obj, "header") .. "." .. raw_part(self, jwt_obj, "payload")
end

local function hmac_signature(self, secret, jwt_obj)
  if type(secret) ~= "string" then error({ reason = "missing secret" }) end
  local bytes = crypto.hmac(hmacs[jwt_obj.header.alg], secret, signed_text(self, jwt_obj))
  return (base64.encode_base64url(bytes))
end

-- The token; raises {reason = why}. `secret`: a text, a private key in PEM, or a function of the object.
function _M.sign(self, secret, jwt_obj)
  local header = jwt_obj.header
  local typ = header.typ
  if typ ~= nil and typ ~= "JWT" then error({ reason = "invalid typ: " .. tostring(typ) }) end
  local alg = header.alg
  if type(secret) == "function" then secret = secret(jwt_obj) end
  if hmacs[alg] then return signed_text(self, jwt_obj) .. "." .. hmac_signature(self, secret, jwt_obj) end
  if not with_key[alg] then error({ reason = "unsupported alg: " .. tostring(alg) }) end
  local text = signed_text(self, jwt_obj)
  local signature, err = crypto.sign(alg, secret, text)
  if not signature then error({ reason = "signer error: " .. err }) end
  return text .. "." .. base64.encode_base64url(signature)
end

local function parse(self, text)
  local raw_header, raw_payload, signature = text:match("^([^.]+)%.([^.]+)%.([^.]*)$")
  if not raw_header then return nil, "invalid jwt string" end
  local header = self:jwt_decode(raw_header, true)
  if type(header) ~= "table" then return nil, "invalid header: " .. raw_header end
  local payload = self:jwt_decode(raw_payload, true, true)
  if payload == nil then return nil, "invalid payload: " .. raw_payload end
  return { raw_header = raw_header, raw_payload = raw_payload, header = header, payload = payload,
           signature = signature, verified = false, valid = true }
end

function _M.load_jwt(self, text, _)
  local jwt_obj, reason
  if type(text) == "string" then
    jwt_obj, reason = parse(self, text)
  end
  return jwt_obj or { valid = false, verified = false, reason = reason or "invalid jwt string" }
end

-- Why not; nil when it is signed with `secret`.
local function signature_fault(self, secret, jwt_obj)
  local alg = jwt_obj.header.alg
  if alg == nil then return "No algorithm supplied" end
  if hmacs[alg] then
    local good, made = pcall(hmac_signature, self, secret, jwt_obj)
    if not good then return type(made) == "table" and made.reason or "internal error" end
    if not crypto.equals(made, jwt_obj.signature) then return "signature mismatch: " .. jwt_obj.signature end
    return nil
  end
  if not with_key[alg] then return "Unsupported algorithm " .. tostring(alg) end
  if secret == nil then return "No trusted certs loaded" end
  local is_public = type(secret) == "string" and (secret:find("CERTIFICATE", 1, true)
                                                  or secret:find("PUBLIC KEY", 1, true))
  if not is_public or not crypto.is_key(secret) then return "Decode secret is not a valid cert/public key" end
  local signature = self:jwt_decode(jwt_obj.signature)
  if not signature then return "Wrongly encoded signature" end
  if not crypto.verify(alg, secret, signed_text(self, jwt_obj), signature) then return "Verification failed" end
end

local legacy_names = { valid_issuers = true, lifetime_grace_period = true, require_nbf_claim = true,
                       require_exp_claim = true }

local function is_legacy(options)
  if next(options) == nil then return false end
  for name in pairs(options) do
    if not legacy_names[name] then return false end
  end
  return true
end

local function specs_of_legacy(options)
  local specs = {}
  for _, name in ipairs({ "require_nbf_claim", "require_exp_claim" }) do
    if options[name] ~= nil and type(options[name]) ~= "boolean" then
      error(string.format("'%s' validation option is expected to be a boolean.", name), 0)
    end
  end
  if options.valid_issuers ~= nil then specs.iss = validators.equals_any_of(options.valid_issuers) end
  if options.lifetime_grace_period ~= nil then
    validators.set_system_leeway(options.lifetime_grace_period or 0)
    if not options.require_nbf_claim and not options.require_exp_claim then
      specs.__jwt = validators.require_one_of({ "nbf", "exp" })
    end
  end
  if options.lifetime_grace_period ~= nil or options.require_nbf_claim ~= nil
     or options.require_exp_claim ~= nil then
    specs.nbf = options.require_nbf_claim and validators.is_not_before() or validators.opt_is_not_before()
    specs.exp = options.require_exp_claim and validators.is_not_expired() or validators.opt_is_not_expired()
  end
  return specs
end

function _M.get_default_validation_options(_, jwt_obj)
  local payload = type(jwt_obj.payload) == "table" and jwt_obj.payload or {}
  return { require_exp_claim = payload.exp ~= nil, require_nbf_claim = payload.nbf ~= nil }
end

local function prepare_specs(self, jwt_obj, ...)
  local specs = { ... }
  if #specs == 0 then specs[1] = self:get_default_validation_options(jwt_obj) end
  for i, spec in ipairs(specs) do
    if type(spec) ~= "table" then
      error("Claim spec must be a table - see jwt-validators.lua for helper functions", 0)
    end
    if is_legacy(spec) then specs[i] = specs_of_legacy(spec) end
    for _, check in pairs(specs[i]) do
      if type(check) ~= "function" then
        error("Claim spec value must be a function - see jwt-validators.lua for helper functions", 0)
      end
    end
  end
  return specs
end

-- Why a claim is refused; nil: all are good.
local function claim_fault(jwt_obj, specs)
  local json = cjson.encode(jwt_obj)
  local payload = type(jwt_obj.payload) == "table" and jwt_obj.payload or {}
  for _, spec in ipairs(specs) do
    for claim, check in pairs(spec) do
      local value = payload[claim]
      if claim == "__jwt" then value = cjson.decode(json) end
      local good, result = pcall(check, value, claim, json)
      if not good then
        if type(result) == "table" and result.reason ~= nil then return tostring(result.reason) end
        if type(result) == "string" then return (result:gsub("^.-:%d-: ", "")) end
        return string.format("Claim '%s' validation failed", claim)
      end
      if result == false then
        return string.format("Claim '%s' ('%s') returned failure", claim, tostring(value))
      end
    end
  end
end

-- The object with `verified` and `reason`. Claims count only of a token that is signed.
function _M.verify_jwt_obj(self, secret, jwt_obj, ...)
  if not jwt_obj.valid then return jwt_obj end
  local specs = prepare_specs(self, jwt_obj, ...)
  jwt_obj.verified, jwt_obj.reason = false, nil
  local alg = jwt_obj.header.alg
  if alg ~= nil and self.alg_whitelist and not self.alg_whitelist[alg] then
    return { verified = false, reason = "whitelist unsupported alg: " .. tostring(alg) }
  end
  jwt_obj.reason = signature_fault(self, secret, jwt_obj)
  if jwt_obj.reason then return jwt_obj end
  jwt_obj.verified = true
  jwt_obj.reason = "everything is awesome~ :p"
  local fault = claim_fault(jwt_obj, specs)
  if fault then jwt_obj.verified, jwt_obj.reason = false, fault end
  return jwt_obj
end

function _M.verify(self, secret, text, ...)
  local jwt_obj = self:load_jwt(text, secret)
  if not jwt_obj.valid then return { verified = false, reason = jwt_obj.reason } end
  return self:verify_jwt_obj(secret, jwt_obj, ...)
end

-- {HS256 = 1, ...}
function _M.set_alg_whitelist(self, algorithms)
  self.alg_whitelist = algorithms
end

function _M.set_payload_encoder(self, encoder)
  if type(encoder) ~= "function" then error({ reason = "payload encoder must be function" }) end
  self.payload_encoder = encoder
end

function _M.set_payload_decoder(self, decoder)
  if type(decoder) ~= "function" then error({ reason = "payload decoder must be function" }) end
  self.payload_decoder = decoder
end

return _M

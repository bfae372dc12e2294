-- resty.openssl.pkey: key pairs over libcrypto: reading and writing PEM and DER, making, signing, verifying,
-- RSA encryption.
local ffi = require("ffi")
local C = ffi.C

ffi.cdef([[
struct evp_pkey_st; struct evp_pkey_ctx_st; struct evp_md_ctx_st; struct evp_md_st; struct bio_st; struct bio_method_st;
struct engine_st; struct evp_cipher_st; struct ossl_lib_ctx_st;
struct bio_st *BIO_new_mem_buf(const void *buf, int len);
struct bio_st *BIO_new(const struct bio_method_st *type);
const struct bio_method_st *BIO_s_mem(void);
int BIO_free(struct bio_st *a);
long BIO_ctrl(struct bio_st *bp, int cmd, long larg, void *parg);
struct evp_pkey_st *PEM_read_bio_PrivateKey(struct bio_st *bp, struct evp_pkey_st **x, void *cb, void *u);
struct evp_pkey_st *PEM_read_bio_PUBKEY(struct bio_st *bp, struct evp_pkey_st **x, void *cb, void *u);
struct evp_pkey_st *d2i_PrivateKey_bio(struct bio_st *bp, struct evp_pkey_st **a);
struct evp_pkey_st *d2i_PUBKEY_bio(struct bio_st *bp, struct evp_pkey_st **a);
int PEM_write_bio_PUBKEY(struct bio_st *bp, struct evp_pkey_st *x);
int PEM_write_bio_PrivateKey(struct bio_st *bp, const struct evp_pkey_st *x, const struct evp_cipher_st *enc,
                             const unsigned char *kstr, int klen, void *cb, void *u);
int i2d_PrivateKey_bio(struct bio_st *bp, const struct evp_pkey_st *pkey);
int i2d_PUBKEY_bio(struct bio_st *bp, const struct evp_pkey_st *pkey);
void EVP_PKEY_free(struct evp_pkey_st *pkey);
int EVP_PKEY_get_id(const struct evp_pkey_st *pkey);
int EVP_PKEY_get_size(const struct evp_pkey_st *pkey);
const char *EVP_PKEY_get0_type_name(const struct evp_pkey_st *key);
struct evp_pkey_st *EVP_PKEY_Q_keygen(struct ossl_lib_ctx_st *libctx, const char *propq, const char *type, ...);
const struct evp_md_st *EVP_get_digestbyname(const char *name);
struct evp_md_ctx_st *EVP_MD_CTX_new(void);
void EVP_MD_CTX_free(struct evp_md_ctx_st *ctx);
int EVP_DigestSignInit(struct evp_md_ctx_st *ctx, struct evp_pkey_ctx_st **pctx, const struct evp_md_st *type,
                       struct engine_st *e, struct evp_pkey_st *pkey);
int EVP_DigestSign(struct evp_md_ctx_st *ctx, unsigned char *sigret, size_t *siglen, const unsigned char *tbs,
                   size_t tbslen);
int EVP_DigestVerifyInit(struct evp_md_ctx_st *ctx, struct evp_pkey_ctx_st **pctx, const struct evp_md_st *type,
                         struct engine_st *e, struct evp_pkey_st *pkey);
int EVP_DigestVerify(struct evp_md_ctx_st *ctx, const unsigned char *sigret, size_t siglen, const unsigned char *tbs,
                     size_t tbslen);
struct evp_pkey_ctx_st *EVP_PKEY_CTX_new(struct evp_pkey_st *pkey, struct engine_st *e);
void EVP_PKEY_CTX_free(struct evp_pkey_ctx_st *ctx);
int EVP_PKEY_CTX_set_rsa_padding(struct evp_pkey_ctx_st *ctx, int pad_mode);
int EVP_PKEY_CTX_set_rsa_pss_saltlen(struct evp_pkey_ctx_st *ctx, int len);
int EVP_PKEY_encrypt_init(struct evp_pkey_ctx_st *ctx);
int EVP_PKEY_encrypt(struct evp_pkey_ctx_st *ctx, unsigned char *out, size_t *outlen, const unsigned char *in,
                     size_t inlen);
int EVP_PKEY_decrypt_init(struct evp_pkey_ctx_st *ctx);
int EVP_PKEY_decrypt(struct evp_pkey_ctx_st *ctx, unsigned char *out, size_t *outlen, const unsigned char *in,
                     size_t inlen);
unsigned long ERR_get_error(void);
void ERR_error_string_n(unsigned long e, char *buf, size_t len);
void ERR_clear_error(void);
]])

local BIO_CTRL_INFO = 3
local SALT_AS_DIGEST = -1

local M = { _VERSION = "1.5.1", PADDINGS = {
    RSA_PKCS1_PADDING = 1, RSA_SSLV23_PADDING = 2, RSA_NO_PADDING = 3, RSA_PKCS1_OAEP_PADDING = 4,
    RSA_X931_PADDING = 5, RSA_PKCS1_PSS_PADDING = 6,
} }
local mt = { __index = M }

-- What libcrypto has to say, and its queue is empty behind it.
local function fault(what)
    local code = C.ERR_get_error()
    C.ERR_clear_error()
    if code == 0 then
        return what
    end
    local buffer = ffi.new("char[256]")
    C.ERR_error_string_n(code, buffer, 256)
    return what .. ": " .. ffi.string(buffer)
end

local function wrap(key, is_private)
    return setmetatable({ ctx = ffi.gc(key, C.EVP_PKEY_free), private = is_private }, mt)
end

local function read(text, reader)
    local bio = C.BIO_new_mem_buf(text, #text)
    if bio == nil then
        return nil
    end
    local key = reader(bio)
    C.BIO_free(bio)
    return key ~= nil and key or nil
end

local READERS = {
    { "PEM", true, function(bio) return C.PEM_read_bio_PrivateKey(bio, nil, nil, nil) end },
    { "PEM", false, function(bio) return C.PEM_read_bio_PUBKEY(bio, nil, nil, nil) end },
    { "DER", true, function(bio) return C.d2i_PrivateKey_bio(bio, nil) end },
    { "DER", false, function(bio) return C.d2i_PUBKEY_bio(bio, nil) end },
}

local function load_key(text, opts)
    local format, kind = opts.format or "*", opts.type or "*"
    for _, row in ipairs(READERS) do
        local format_fits = format == "*" or format == row[1]
        local kind_fits = kind == "*" or (kind == "pr") == row[2]
        if format_fits and kind_fits then
            local key = read(text, row[3])
            if key then
                C.ERR_clear_error()
                return wrap(key, row[2])
            end
        end
    end
    return nil, fault("pkey.new:load_key: failed to load key")
end

local CURVES = { prime256v1 = "P-256", secp384r1 = "P-384", secp521r1 = "P-521" }

local function generate(conf)
    local kind, key = conf.type or "RSA", nil
    if kind == "RSA" then
        key = C.EVP_PKEY_Q_keygen(nil, nil, "RSA", ffi.cast("size_t", conf.bits or 2048))
    elseif kind == "EC" then
        local curve = conf.curve or "prime256v1"
        key = C.EVP_PKEY_Q_keygen(nil, nil, "EC", ffi.cast("const char *", CURVES[curve] or curve))
    elseif kind:lower() == "ed25519" or kind:lower() == "ed448" or kind:lower() == "x25519" or kind:lower() == "x448" then
        key = C.EVP_PKEY_Q_keygen(nil, nil, kind:upper())
    else
        return nil, "pkey.new:generate_key: unsupported type " .. tostring(kind)
    end
    if key == nil then
        return nil, fault("pkey.new:generate_key")
    end
    return wrap(key, true)
end

-- new(text, {format, type}): PEM or DER. new({type, bits, curve}), new(): makes one.
function M.new(given, opts)
    if type(given) == "string" then
        return load_key(given, opts or {})
    elseif given == nil or type(given) == "table" then
        return generate(given or {})
    end
    return nil, "pkey.new: unexpected type " .. type(given) .. " at #1"
end

function M.istype(value)
    return type(value) == "table" and getmetatable(value) == mt
end

function M:is_private()
    return self.private
end

function M:get_size()
    return C.EVP_PKEY_get_size(self.ctx)
end

function M:get_key_type(as_id)
    local id = C.EVP_PKEY_get_id(self.ctx)
    if as_id then
        return id
    end
    return { nid = id, sn = ffi.string(C.EVP_PKEY_get0_type_name(self.ctx)) }
end

-- A text, or a resty.openssl.digest that has had it.
local function input_of(given, digest)
    if type(given) == "table" and given.pieces then
        return table.concat(given.pieces), given.digest
    end
    return given, digest
end

local function digest_of(self, name)
    local type_name = ffi.string(C.EVP_PKEY_get0_type_name(self.ctx)):lower()
    if type_name == "ed25519" or type_name == "ed448" then
        return nil
    end
    local digest = C.EVP_get_digestbyname(name or "sha256")
    if digest == nil then
        return nil, "invalid digest type \"" .. tostring(name) .. "\""
    end
    return digest
end

-- An EVP_MD_CTX that is ready for `init`.
local function prepare(self, init, digest_name, padding)
    local digest, err = digest_of(self, digest_name)
    if err then
        return nil, err
    end
    local ctx = ffi.gc(C.EVP_MD_CTX_new(), C.EVP_MD_CTX_free)
    local key_ctx = ffi.new("struct evp_pkey_ctx_st *[1]")
    if init(ctx, key_ctx, digest, nil, self.ctx) ~= 1 then
        return nil, fault("init")
    end
    if padding then
        if C.EVP_PKEY_CTX_set_rsa_padding(key_ctx[0], padding) ~= 1 then
            return nil, fault("padding")
        end
        if padding == M.PADDINGS.RSA_PKCS1_PSS_PADDING then
            C.EVP_PKEY_CTX_set_rsa_pss_saltlen(key_ctx[0], SALT_AS_DIGEST)
        end
    end
    return ctx
end

function M:sign(given, digest, padding)
    if not self.private then
        return nil, "pkey:sign: requires private key"
    end
    local text, name = input_of(given, digest)
    local ctx, err = prepare(self, C.EVP_DigestSignInit, name, padding)
    if not ctx then
        return nil, "pkey:sign: " .. err
    end
    local length = ffi.new("size_t[1]")
    if C.EVP_DigestSign(ctx, nil, length, text, #text) ~= 1 then
        return nil, fault("pkey:sign")
    end
    local out = ffi.new("unsigned char[?]", length[0])
    if C.EVP_DigestSign(ctx, out, length, text, #text) ~= 1 then
        return nil, fault("pkey:sign")
    end
    return ffi.string(out, length[0])
end

function M:verify(signature, given, digest, padding)
    local text, name = input_of(given, digest)
    local ctx, err = prepare(self, C.EVP_DigestVerifyInit, name, padding)
    if not ctx then
        return nil, "pkey:verify: " .. err
    end
    local ok = C.EVP_DigestVerify(ctx, signature, #signature, text, #text) == 1
    C.ERR_clear_error()
    return ok
end

local function crypt(self, text, padding, init, call, what)
    local ctx = C.EVP_PKEY_CTX_new(self.ctx, nil)
    if ctx == nil then
        return nil, fault(what)
    end
    ffi.gc(ctx, C.EVP_PKEY_CTX_free)
    local length = ffi.new("size_t[1]")
    if init(ctx) ~= 1 or C.EVP_PKEY_CTX_set_rsa_padding(ctx, padding or M.PADDINGS.RSA_PKCS1_PADDING) ~= 1
        or call(ctx, nil, length, text, #text) ~= 1 then
        return nil, fault(what)
    end
    local out = ffi.new("unsigned char[?]", length[0])
    if call(ctx, out, length, text, #text) ~= 1 then
        return nil, fault(what)
    end
    return ffi.string(out, length[0])
end

function M:encrypt(text, padding)
    return crypt(self, text, padding, C.EVP_PKEY_encrypt_init, C.EVP_PKEY_encrypt, "pkey:encrypt")
end

function M:decrypt(text, padding)
    if not self.private then
        return nil, "pkey:decrypt: requires private key"
    end
    return crypt(self, text, padding, C.EVP_PKEY_decrypt_init, C.EVP_PKEY_decrypt, "pkey:decrypt")
end

function M:tostring(kind, format)
    local wants_private = kind == "private" or kind == "PrivateKey"
    if wants_private and not self.private then
        return nil, "pkey:tostring: requires private key"
    end
    local bio = C.BIO_new(C.BIO_s_mem())
    if bio == nil then
        return nil, fault("pkey:tostring")
    end
    ffi.gc(bio, C.BIO_free)
    local done
    if format == "DER" then
        done = wants_private and C.i2d_PrivateKey_bio(bio, self.ctx) or C.i2d_PUBKEY_bio(bio, self.ctx)
    elseif wants_private then
        done = C.PEM_write_bio_PrivateKey(bio, self.ctx, nil, nil, 0, nil, nil)
    else
        done = C.PEM_write_bio_PUBKEY(bio, self.ctx)
    end
    if done ~= 1 then
        return nil, fault("pkey:tostring")
    end
    local data = ffi.new("char *[1]")
    local length = C.BIO_ctrl(bio, BIO_CTRL_INFO, 0, data)
    return ffi.string(data[0], length)
end

function M:to_PEM(kind)
    return self:tostring(kind, "PEM")
end

return M

-- ngx.ssl: what libraries need of it to show a certificate: parsed ones are tables that sock:setclientcert() takes.
local _M = { _VERSION = "0.1.31" }

local function parse(pem, what)
    if type(pem) ~= "string" then
        error("bad argument #1 to 'parse_pem_" .. what .. "' (string expected, got " .. type(pem) .. ")", 2)
    end
    return pem
end

function _M.parse_pem_cert(pem)
    if not parse(pem, "cert"):find("-----BEGIN CERTIFICATE-----", 1, true) then
        return nil, "PEM_read_bio_X509_AUX() failed"
    end
    return { pem = pem }
end

function _M.parse_pem_priv_key(pem)
    if not parse(pem, "priv_key"):find("PRIVATE KEY-----", 1, true) then
        return nil, "PEM_read_bio_PrivateKey() failed"
    end
    return { pem = pem }
end

return _M

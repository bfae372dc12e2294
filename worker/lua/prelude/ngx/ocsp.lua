-- ngx.ocsp: the gateway staples OCSP responses itself.
local function refuse()
    return nil, "the gateway staples OCSP responses itself"
end

return {
    version = "0.1.31", get_ocsp_responder_from_der_chain = refuse, create_ocsp_request = refuse,
    validate_ocsp_response = refuse, set_ocsp_status_resp = refuse,
}

-- ngx.req: header fields of the request.
return { version = "0.1.31", add_header = ngx.req.add_header, get_headers = ngx.req.get_headers }

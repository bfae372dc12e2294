-- ngx.resp: header fields of the response.
return { version = "0.1.31", add_header = ngx.resp.add_header, get_headers = ngx.resp.get_headers }

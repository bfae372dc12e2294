-- What the functions of the API take and give: one line for each whose parameters Lua itself cannot name, or that is
-- disabled somewhere. "ngx.NAME" or "MODULE:NAME", parameters ("name?: type" may be missing), results; "!" says where
-- it may be called (phases.lua), "#" what it does. Names that this gateway has and that are not listed are found in its
-- state; a name here that the state lacks fails a test.
local TEXT = [[
ngx.say(...: any): integer?, string? !says #Adds to the response's body, with a line feed.
ngx.print(...: any): integer?, string? !says #Adds to the response's body.
ngx.flush(wait?: boolean): integer?, string? !says #Sends what was said so far.
ngx.eof(): integer?, string? !says #Ends the response.
ngx.exit(status: integer) !request #Ends the hook, and with a status the request.
ngx.redirect(uri: string, status?: integer) !waits #Responds with a redirection, 302 by default.
ngx.send_headers(): integer?, string? !says #Sends the head of the response.
ngx.log(level: integer, ...: any) #Writes a line to error.log, with the place of the call.
ngx.sleep(seconds: number) !waits #Suspends this coroutine alone.
ngx.get_phase(): string #"rewrite", "access", "content", "header_filter", "body_filter", "log", "timer", "init" ...
ngx.now(): number #Seconds since the epoch, with milliseconds, as of this turn of the loop.
ngx.time(): integer #Seconds since the epoch.
ngx.update_time() #Reads the clock anew.
ngx.today(): string #"2026-01-31"
ngx.localtime(): string #"2026-01-31 12:00:00"
ngx.utctime(): string
ngx.http_time(seconds: number): string #"Sat, 31 Jan 2026 12:00:00 GMT"
ngx.cookie_time(seconds: number): string
ngx.parse_http_time(text: string): integer?
ngx.escape_uri(text: string, kind?: integer): string
ngx.unescape_uri(text: string): string
ngx.encode_args(args: table): string
ngx.decode_args(text: string, max?: integer): table?, string?
ngx.quote_sql_str(text: string): string
ngx.encode_base64(text: string, no_padding?: boolean): string
ngx.decode_base64(text: string): string?
ngx.md5(text: string): string #Hexadecimal.
ngx.md5_bin(text: string): string
ngx.sha1_bin(text: string): string
ngx.hmac_sha1(key: string, text: string): string
ngx.crc32_short(text: string): integer
ngx.crc32_long(text: string): integer
ngx.on_abort(callback: function): integer?, string?
ngx.req.get_headers(max?: integer, raw?: boolean): table<string, string|string[]>, string? !request
ngx.req.set_header(name: string, value: string|number|string[]) !changes
ngx.req.add_header(name: string, value: string|number|string[]) !changes
ngx.req.clear_header(name: string) !changes
ngx.req.get_method(): string !request
ngx.req.set_method(method: integer) !changes #ngx.HTTP_GET and so on.
ngx.req.get_uri_args(max?: integer): table, string? !request
ngx.req.set_uri_args(args: string|table) !changes
ngx.req.set_uri(uri: string, jump?: boolean) !changes
ngx.req.read_body() !waits #Reads the client's body, before get_body_data() and get_post_args().
ngx.req.discard_body() !waits
ngx.req.get_body_data(): string? !request #After read_body(); nil: there is none.
ngx.req.get_body_file(): string? !request
ngx.req.set_body_data(body: string) !changes
ngx.req.init_body(buffer_size?: integer) !changes
ngx.req.append_body(part: string) !changes
ngx.req.finish_body() !changes
ngx.req.set_body_file(path: string, auto_clean?: boolean) !changes
ngx.req.get_post_args(max?: integer): table?, string? !request
ngx.req.http_version(): number? !request
ngx.req.raw_header(no_request_line?: boolean): string !request
ngx.req.start_time(): number !request
ngx.req.is_internal(): boolean !request
ngx.resp.get_headers(max?: integer, raw?: boolean): table<string, string|string[]>, string? !request
ngx.resp.add_header(name: string, value: string|number|string[]) !request
ngx.re.match(subject: string, regex: string, options?: string, ctx?: table, captures?: table): table?, string? #Options: i, s, m, x, u, a, j, o.
ngx.re.find(subject: string, regex: string, options?: string, ctx?: table, nth?: integer): integer?, integer?, string?
ngx.re.gmatch(subject: string, regex: string, options?: string): function?, string?
ngx.re.sub(subject: string, regex: string, replacement: string|function, options?: string): string?, integer, string?
ngx.re.gsub(subject: string, regex: string, replacement: string|function, options?: string): string?, integer, string?
ngx.socket.tcp(options?: table): ngx.tcpsock?, string? !waits
ngx.socket.stream(options?: table): ngx.tcpsock?, string? !waits
ngx.socket.udp(): ngx.udpsock?, string? !waits
ngx.socket.connect(host: string, port?: integer): ngx.tcpsock?, string? !waits
ngx.thread.spawn(run: function, ...: any): thread !waits #Runs beside the caller.
ngx.thread.wait(...: thread): boolean, any !waits #Of the first that ends.
ngx.thread.kill(thread: thread): boolean?, string? !waits
ngx.timer.at(seconds: number, callback: fun(premature: boolean, ...), ...: any): boolean?, string?
ngx.timer.every(seconds: number, callback: fun(premature: boolean, ...), ...: any): boolean?, string?
ngx.timer.running_count(): integer
ngx.timer.pending_count(): integer
ngx.worker.id(): integer
ngx.worker.pid(): integer
ngx.worker.count(): integer
ngx.worker.exiting(): boolean
ngx.config.nginx_configure(): string
ngx.config.prefix(): string
ngx.location.capture(uri: string, options?: table): table !request #An error here: there are no locations.
ngx.location.capture_multi(requests: table): table !request #An error here: there are no locations.
apisix.core.request:get_body(max_size?: integer, ctx?: table): string?, string? !waits
apisix.core.request:get_post_args(ctx?: table): table !waits
apisix.core.request:get_json_request_body_table(): table?, table? !waits
apisix.core.request:header(ctx?: table, name: string): string? !request
apisix.core.request:headers(ctx?: table): table !request
apisix.core.request:set_header(ctx: table|string, name: string, value?: string|number) !changes
apisix.core.request:add_header(ctx: table|string, name: string, value?: string|number) !changes
apisix.core.request:get_method(): string !request
apisix.core.request:get_uri_args(ctx?: table): table !request
apisix.core.request:set_uri_args(ctx?: table, args: table) !changes
apisix.core.request:get_ip(ctx?: table): string !request
apisix.core.request:get_remote_client_ip(ctx?: table): string !request
apisix.core.request:get_host(ctx?: table): string !request
apisix.core.request:get_scheme(ctx?: table): string !request
apisix.core.request:get_port(ctx?: table): integer !request
apisix.core.response:exit(code: integer, ...: any) !request
apisix.core.response:set_header(...: any) !request
apisix.core.response:add_header(...: any) !request
apisix.core.response:get_upstream_status(ctx: table): integer? !request
apisix.core.response:hold_body_chunk(ctx: table, hold_the_copy?: boolean, max_bytes?: integer): string? !request #The whole body with the last piece, nil before.
apisix.core.schema:check(schema: table, value: any): boolean, string?
apisix.core.json:encode(value: any, force?: boolean): string?, string?
apisix.core.json:decode(text: string): any, string?
apisix.core.json:delay_encode(value: any, force?: boolean): table #Encoded when a log line needs it.
apisix.core.resolver:parse_domain(host: string): string?, string? !waits
apisix.core.lrucache:new(options?: table): function #options: ttl, count, invalid_stale, serial_creating.
apisix.core.lrucache:plugin_ctx(lrucache: function, ctx: table, extra_key: string?, create: function, ...: any): any
apisix.core.log:error(...: any)
apisix.core.log:warn(...: any)
apisix.core.log:notice(...: any)
apisix.core.log:info(...: any)
apisix.core.log:debug(...: any)
cjson:encode(value: any): string
cjson:decode(text: string): any
cjson.safe:encode(value: any): string?, string?
cjson.safe:decode(text: string): any, string?
resty.http:new(): resty.http?, string? !waits
resty.redis:new(): resty.redis?, string? !waits
resty.lock:new(dictionary: string, options?: table): resty.lock?, string?
]]

local api = {}
for line in TEXT:gmatch("[^\n]+") do
    local path, params, rest = line:match("^([%w_%.:]+)(%b())(.*)$")
    local returns = rest:match("^: ([^!#]*)")
    api[path] = {
        params = params:sub(2, -2),
        returns = returns and returns:gsub("%s+$", "") or nil,
        phases = rest:match("!(%a+)"),
        about = rest:match("#(.*)$"),
    }
end
return api

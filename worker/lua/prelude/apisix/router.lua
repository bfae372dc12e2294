-- apisix.router: the gateway matches; scripts can only look.
return { router_http = {}, http_routes = function() return {}, 0 end }

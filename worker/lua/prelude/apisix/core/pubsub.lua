-- core.pubsub: not built: its messages are protobuf over WebSocket.
return {
    version = 0.1,
    new = function() return nil, "core.pubsub is not available in this gateway" end,
}

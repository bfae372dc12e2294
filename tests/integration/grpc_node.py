"""gRPC servers for tests to proxy to, and what a client of them needs: services of bytes, without generated code."""

import struct
import threading
from concurrent import futures

import grpc

SERVICE = "/test.Echo/"


def frame(message):
    """A message as it stands in a request or response."""
    return struct.pack(">BI", 0, len(message)) + message


def unframe(data):
    """The messages in a body."""
    messages = []
    while data:
        compressed, size = struct.unpack(">BI", data[:5])
        assert compressed == 0 and len(data) >= 5 + size, data[:20]
        messages.append(data[5:5 + size])
        data = data[5 + size:]
    return messages


class GrpcNode:
    """Unary echoes; ClientStream joins; ServerStream repeats the message as often as it says; Bidi echoes each at
    once. Metadata of a call says more: x-code and x-details end it with that status, x-sleep delays it."""

    def __init__(self, **more):
        self.calls = []  # (method, metadata)
        self.cancelled = threading.Event()
        self.released = threading.Event()  # what "hold" waits for
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), options=[
            ("grpc.max_receive_message_length", 16 << 20), ("grpc.max_send_message_length", 16 << 20),
            ("grpc.so_reuseport", 0), *more.get("options", [])])
        handlers = {
            "Unary": grpc.unary_unary_rpc_method_handler(self._unary),
            "ClientStream": grpc.stream_unary_rpc_method_handler(self._client_stream),
            "ServerStream": grpc.unary_stream_rpc_method_handler(self._server_stream),
            "Bidi": grpc.stream_stream_rpc_method_handler(self._bidi),
        }
        self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test.Echo", handlers)])
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    @property
    def node(self):
        return f"127.0.0.1:{self.port}"

    def close(self):
        self.released.set()
        self._server.stop(0).wait()

    def _begin(self, method, context):
        metadata = dict(context.invocation_metadata())
        self.calls.append((method, metadata))
        context.add_callback(lambda: context.is_active() or self.cancelled.set())
        if "x-sleep" in metadata:
            self.released.wait(float(metadata["x-sleep"]))
        if "x-hold" in metadata:
            context.send_initial_metadata((("x-held", "1"),))
            self.released.wait()
        if "x-code" in metadata:
            context.set_trailing_metadata((("x-trailer", "t"),))
            context.abort(grpc.StatusCode[metadata["x-code"]], metadata.get("x-details", ""))
        context.set_trailing_metadata((("x-trailer", "t"),))

    def _unary(self, message, context):
        self._begin("Unary", context)
        return message

    def _client_stream(self, messages, context):
        self._begin("ClientStream", context)
        return b"+".join(messages)

    def _server_stream(self, message, context):
        self._begin("ServerStream", context)
        count, content = message.split(b":", 1)
        for _ in range(int(count)):
            yield content

    def _bidi(self, messages, context):
        self._begin("Bidi", context)
        yield from messages

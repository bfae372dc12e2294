"""A gRPC service of grpcio without generated code: messages are bytes as they are.

    /test.Service/Unary        the message again, and initial and trailing metadata
    /test.Service/Fail         ends with the status code that the message is, and details
    /test.Service/Download     as many messages as the first one says: "COUNT SIZE"
    /test.Service/Upload       "COUNT BYTES" of the messages that came
    /test.Service/Both         each message again at once
    /test.Service/Wait         a message at once, then nothing until the call is cancelled
"""

import threading
from concurrent import futures

import grpc

from gateway import PATIENCE_S

SERVICE = "test.Service"
KINDS = {"Unary": "unary_unary", "Fail": "unary_unary", "Download": "unary_stream", "Upload": "stream_unary", "Both": "stream_stream",
         "Wait": "unary_stream", "Silent": "unary_unary"}
NO_LIMITS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class GrpcServer:
    def __init__(self, credentials=None, options=()):
        self.peers = set()  # what called
        self.metadata = []  # of each call, in the order of their begin
        self.seconds_left = []  # of the deadlines of Wait and Silent
        self.cancelled = threading.Semaphore(0)  # once for each call of Wait or Silent that was
        self._server = grpc.server(futures.ThreadPoolExecutor(64), options=[*NO_LIMITS, *options])
        self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, {
            name: getattr(grpc, f"{kind}_rpc_method_handler")(getattr(self, name.lower())) for name, kind in KINDS.items()})])
        self.port = self._server.add_secure_port("127.0.0.1:0", credentials) if credentials else self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    @property
    def node(self):
        return f"127.0.0.1:{self.port}"

    def close(self):
        self._server.stop(0).wait(PATIENCE_S)

    def begin(self, context):
        self.peers.add(context.peer())
        self.metadata.append({key: value for key, value in context.invocation_metadata()})

    def unary(self, message, context):
        self.begin(context)
        context.send_initial_metadata([("initial", "1")])
        context.set_trailing_metadata([("trailing", "2"), ("trailing-bin", b"\0\xff")])
        return message

    def fail(self, message, context):
        self.begin(context)
        context.set_trailing_metadata([("reason", "as asked")])
        code = next(code for code in grpc.StatusCode if code.value[0] == int(message))
        context.abort(code, "it failed: 100% \u00e9")

    def download(self, message, context):
        self.begin(context)
        count, size = map(int, message.split())
        for number in range(count):
            yield b"%d" % number + bytes(size)

    def upload(self, messages, context):
        self.begin(context)
        count = size = 0
        for message in messages:
            count, size = count + 1, size + len(message)
        return b"%d %d" % (count, size)

    def both(self, messages, context):
        self.begin(context)
        yield from messages

    def wait(self, message, context):
        self.begin(context)
        ended = self._watch(context)
        yield message
        ended.wait(2 * PATIENCE_S)

    def silent(self, _message, context):
        self.begin(context)
        self._watch(context).wait(2 * PATIENCE_S)
        return b""

    def _watch(self, context):
        ended = threading.Event()
        self.seconds_left.append(context.time_remaining())

        def on_end():
            ended.set()
            self.cancelled.release()

        context.add_callback(on_end)
        return ended


class Stub:
    """Calls of the service over one channel: stub.Unary(b"..."), as grpcio's own stubs."""

    def __init__(self, channel):
        for name, kind in KINDS.items():
            setattr(self, name, getattr(channel, kind)(f"/{SERVICE}/{name}"))
        self.Unknown = channel.unary_unary(f"/{SERVICE}/Unknown")

"""grpc-transcode and grpc-web in front of a real gRPC server (grpcio), asked by HTTP/1 clients."""

import base64
import json
import struct
import subprocess
import threading
from concurrent import futures

import grpc
import pytest
from gateway import PATIENCE_S, http_request, wait_until
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from raw import Client

pytestmark = pytest.mark.shares_gateway

PROTO = """syntax = "proto3";
package t;
import "google/protobuf/timestamp.proto";
import "person.proto";
service Greeter {
  rpc Echo (Request) returns (Request) {}
  rpc Fail (Request) returns (Request) {}
  rpc FailLate (Request) returns (Request) {}
  rpc Slow (Request) returns (Request) {}
  rpc Stream (Request) returns (stream Request) {}
}
enum Color { RED = 0; GREEN = 1; }
message Request {
  string name = 1; int64 long = 2; uint64 id = 3; bytes raw = 4; double real = 5; Color color = 6; p.Person person = 7;
  repeated p.Person people = 8; map<string, p.Person> by_name = 9; repeated int32 numbers = 10;
  oneof choice { string left = 11; int32 right = 12; }
  google.protobuf.Timestamp at = 13; sint32 delta = 14; repeated Color colors = 15; map<int32, bool> flags = 16;
}
message Detail { string reason = 1; }
"""
PERSON = 'syntax = "proto3"; package p; message Person { string name = 1; int32 age = 2; }'


class Messages:
    """The compiled proto, and its message types."""

    def __init__(self, folder):
        (folder / "t.proto").write_text(PROTO)
        (folder / "person.proto").write_text(PERSON)
        subprocess.run(["protoc", "--include_imports", f"-I{folder}", "-I/usr/include", f"--descriptor_set_out={folder}/set.pb",
                        f"{folder}/t.proto"], check=True, timeout=PATIENCE_S)
        self.set = (folder / "set.pb").read_bytes()
        pool = descriptor_pool.DescriptorPool()
        for file in descriptor_pb2.FileDescriptorSet.FromString(self.set).file:
            pool.Add(file)
        factory = message_factory.MessageFactory(pool)
        self.request = factory.GetPrototype(pool.FindMessageTypeByName("t.Request"))


class Server:
    """Service t.Greeter. Echo returns what came; the others say by their name what they do."""

    def __init__(self, messages):
        self.calls = []  # (method, metadata, message)
        self.goes_on = threading.Event()  # what Stream waits for between its two messages
        self._server = grpc.server(futures.ThreadPoolExecutor(8), options=[
            ("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)])
        coder = {"request_deserializer": messages.request.FromString,
                 "response_serializer": messages.request.SerializeToString}
        unary = grpc.unary_unary_rpc_method_handler
        self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("t.Greeter", {
            "Echo": unary(self._echo, **coder), "Fail": unary(self._fail, **coder), "FailLate": unary(self._fail_late, **coder),
            "Slow": unary(self._slow, **coder), "Stream": grpc.unary_stream_rpc_method_handler(self._stream, **coder)})])
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        self.ended = threading.Event()

    def close(self):
        self.goes_on.set()
        self.ended.set()
        self._server.stop(0).wait(PATIENCE_S)

    def _note(self, method, message, context):
        self.calls.append((method, dict(context.invocation_metadata()), message))

    def _echo(self, message, context):
        self._note("Echo", message, context)
        context.set_trailing_metadata([("x-trailer", "t")])
        return message

    def _fail(self, message, context):
        self._note("Fail", message, context)
        # google.rpc.Status of code 5, "gone", with a t.Detail.
        detail = b"\n\x03why"
        any_message = b"\n\x0at/t.Detail\x12" + bytes([len(detail)]) + detail
        status = b"\x08\x05\x12\x04gone\x1a" + bytes([len(any_message)]) + any_message
        context.set_trailing_metadata([("grpc-status-details-bin", status)])
        context.abort(grpc.StatusCode.NOT_FOUND, "gone")

    def _fail_late(self, message, context):
        context.send_initial_metadata([("x-initial", "i")])
        self._fail(message, context)

    def _slow(self, message, context):
        self._note("Slow", message, context)
        ended = threading.Event()
        context.add_callback(ended.set)
        ended.wait(PATIENCE_S)
        return message

    def _stream(self, message, context):
        self._note("Stream", message, context)
        yield message
        self.goes_on.wait(PATIENCE_S)
        yield message
        context.set_trailing_metadata([("x-trailer", "t")])


@pytest.fixture(scope="module")
def messages(tmp_path_factory):
    return Messages(tmp_path_factory.mktemp("proto"))


@pytest.fixture
def server(messages):
    made = Server(messages)
    yield made
    made.close()


class Transcoded:
    """A route to one method, and the requests that it gets."""

    def __init__(self, gateway, server, method="Echo", **conf):
        self.gateway = gateway
        gateway.put_everywhere("/routes/1", {
            "uri": "/*", "plugins": {"grpc-transcode": {"proto_id": "t", "service": "t.Greeter", "method": method} | conf},
            "upstream": {"scheme": "grpc", "type": "roundrobin", "nodes": {f"127.0.0.1:{server.port}": 1}}})

    def post(self, value):
        return http_request(self.gateway.port, "POST", "/any", headers={"Content-Type": "application/json"}, body=json.dumps(value))


@pytest.fixture
def proto(gateway, messages):
    gateway.put("/protos/t", {"content": base64.b64encode(messages.set).decode()})


def test_message_goes_and_comes_back_as_json(gateway, server, proto):
    value = {"name": "joe", "long": -5, "id": 7, "raw": "bytes", "real": 1.5, "color": "GREEN", "person": {"name": "a", "age": 1},
             "people": [{"name": "b", "age": 0}], "by_name": {"k": {"name": "", "age": 2}}, "numbers": [1, -1], "choice": "right",
             "right": 3, "at": {"seconds": 9, "nanos": 1}, "delta": -3, "colors": ["RED", "GREEN"], "flags": {"-1": True}}
    response = Transcoded(gateway, server).post(value)
    assert response.status == 200
    assert response.header("Content-Type") == "application/json"
    assert response.json() == value
    method, metadata, message = server.calls[-1]
    assert method == "Echo"
    assert message.by_name["k"].age == 2
    assert message.at.seconds == 9
    assert "grpc-timeout" not in metadata


def test_query_of_a_get_is_the_message(gateway, server, proto):
    Transcoded(gateway, server, pb_option=["int64_as_string", "no_default_values"])
    response = http_request(gateway.port, "GET", "/x?name=joe&long=-9007199254740993&numbers=1&numbers=2&color=GREEN")
    assert response.status == 200
    assert response.json() == {"name": "joe", "long": "#-9007199254740993", "color": "GREEN", "numbers": [1, 2]}
    assert server.calls[-1][2].long == -9007199254740993


def test_client_of_http_1_gets_no_trailers(gateway, server, proto):
    Transcoded(gateway, server)
    client = Client(gateway.port)
    response = client.ask("GET /x?name=joe HTTP/1.1\r\nHost: a.test\r\n\r\n")
    client.close()
    assert json.loads(response.body)["name"] == "joe"
    assert response.trailers == []


def test_call_that_fails_has_an_http_status(gateway, server, proto):
    for method in ("Fail", "FailLate"):
        response = Transcoded(gateway, server, method).post({})
        assert response.status == 404, method
        assert response.body == b"", method
        assert response.header("grpc-status") == "5", method
        assert response.header("grpc-message") == "gone", method


def test_status_is_shown_in_the_body(gateway, server, proto):
    for method in ("Fail", "FailLate"):
        response = Transcoded(gateway, server, method, show_status_in_body=True, status_detail_type="t.Detail").post({})
        assert response.status == 404, method
        assert response.json() == {"error": {"code": 5, "message": "gone", "details": [{"reason": "why"}]}}, method


def test_method_that_the_server_does_not_have(gateway, server, messages):
    text = 'syntax = "proto3"; package t; service Greeter { rpc Other (A) returns (A) {} } message A {}'
    gateway.put("/protos/t", {"content": text})
    assert Transcoded(gateway, server, "Other").post({}).status == 501


def test_deadline_ends_the_call(gateway, server, proto):
    response = Transcoded(gateway, server, "Slow", deadline=300).post({})
    assert response.status == 504
    assert server.calls[-1][1].get("grpc-timeout", "300m").endswith("m")


def test_large_messages(gateway, server, proto):
    value = {"name": "x" * (4 << 20), "numbers": list(range(40_000))}
    response = Transcoded(gateway, server, pb_option=["no_default_values"]).post(value)
    assert response.status == 200
    assert response.json() == value


def test_reply_that_is_too_long_gets_502(gateway, server, proto):
    transcoded = Transcoded(gateway, server, max_resp_body_size=100)
    assert transcoded.post({"name": "x" * 90}).status == 200
    assert transcoded.post({"name": "x" * 101}).status == 502


def test_more_than_one_message_gets_502(gateway, server, proto):
    server.goes_on.set()
    assert Transcoded(gateway, server, "Stream").post({"name": "a"}).status == 502


def test_proto_that_changes_is_in_force(gateway, server, proto):
    transcoded = Transcoded(gateway, server, pb_option=["no_default_values"])
    assert transcoded.post({"name": "joe"}).json() == {"name": "joe"}
    text = 'syntax = "proto3"; package t; service Greeter { rpc Echo (A) returns (A) {} } message A { string other = 1; }'
    gateway.put("/protos/t", {"content": text})
    wait_until(lambda: transcoded.post({"other": "joe"}).json() == {"other": "joe"}, "the new proto in force")


# --- grpc-web


def frame(message, flags=0):
    return struct.pack(">BI", flags, len(message)) + message


def frames_of(body):
    out = []
    while body:
        flags, size = struct.unpack(">BI", body[:5])
        assert len(body) >= 5 + size
        out.append((flags, body[5:5 + size]))
        body = body[5 + size:]
    return out


@pytest.fixture
def web(gateway, server):
    gateway.put_everywhere("/routes/1", {
        "uri": "/web/*", "plugins": {"grpc-web": {}},
        "upstream": {"scheme": "grpc", "type": "roundrobin", "nodes": {f"127.0.0.1:{server.port}": 1}}})

    def call(method, body, content_type="application/grpc-web"):
        return http_request(gateway.port, "POST", f"/web/t.Greeter/{method}", headers={"Content-Type": content_type}, body=body)

    return call


def test_web_call_in_binary(web, messages):
    message = messages.request(name="joe", long=-1).SerializeToString()
    response = web("Echo", frame(message))
    assert response.status == 200
    assert response.header("Content-Type") == "application/grpc-web"
    assert response.header("Access-Control-Allow-Origin") == "*"
    (message_flags, echoed), (trailer_flags, trailers) = frames_of(response.body)
    assert (message_flags, echoed) == (0, message)
    assert trailer_flags == 0x80
    assert trailers.startswith(b"grpc-status:0\r\ngrpc-message:\r\n")
    assert b"\r\nx-trailer:t\r\n" in trailers


def test_web_call_in_text(web, messages):
    message = messages.request(name="joe").SerializeToString()
    body = frame(message)
    for cut in range(1, len(body)):  # a client codes what it has at hand
        text = base64.b64encode(body[:cut]) + base64.b64encode(body[cut:])
        response = web("Echo", text, "application/grpc-web-text")
        assert response.status == 200
        decoded = b"".join(base64.b64decode(part + b"=" * (-len(part) % 4)) for part in response.body.replace(b"=", b" ").split())
        assert frames_of(decoded)[0] == (0, message)


def test_web_call_that_fails(web):
    response = web("Fail", frame(b""))
    assert response.status == 200
    assert response.body == b""
    assert response.header("grpc-status") == "5"
    assert response.header("grpc-message") == "gone"
    late = web("FailLate", frame(b""))
    assert late.status == 200
    assert late.header("grpc-status") is None
    ((flags, trailers),) = frames_of(late.body)
    assert flags == 0x80
    assert trailers.startswith(b"grpc-status:5\r\ngrpc-message:gone\r\n")


def test_web_stream_leaves_message_by_message(gateway, web, server, messages):
    message = messages.request(name="joe").SerializeToString()
    body = frame(message)
    client = Client(gateway.port)
    try:
        client.send(b"POST /web/t.Greeter/Stream HTTP/1.1\r\nHost: a.test\r\nContent-Type: application/grpc-web\r\n"
                    b"Content-Length: %d\r\n\r\n" % len(body) + body)
        head = client.read_head()
        assert head.status == 200
        received = b""
        while len(received) < len(body):  # before the server sends the second one
            received += client.read_chunk()
        assert received == body
        server.goes_on.set()
        rest = client.read_body_of(head, until_close=False)
    finally:
        client.close()
    assert frames_of(rest.body)[0] == (0, message)
    assert frames_of(rest.body)[1][1].startswith(b"grpc-status:0\r\n")
    assert rest.trailers == []

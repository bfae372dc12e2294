"""gRPC through the gateway with grpcio on both sides: what a program that calls a service through it sees. Over plain
connections and TLS from the client; the node is plain, and TLS in `grpcs`."""

import queue
import threading
from dataclasses import dataclass, field

import grpc
import pytest

from certificates import self_signed
from gateway import PATIENCE_S, pause, running_gateway
from grpc_server import NO_LIMITS, GrpcServer, Stub
from ports import free_port

HOST = "test.com"
LARGE = bytes(range(256)) * (4 << 12)  # 4 MiB


@dataclass
class Served:
    gateway: object
    server: GrpcServer
    certificate: str
    key: str
    channels: list = field(default_factory=list)

    def channel(self, tls, *options):
        more = [*NO_LIMITS, ("grpc.use_local_subchannel_pool", 1), *options]
        if tls:
            credentials = grpc.ssl_channel_credentials(self.certificate.encode())
            channel = grpc.secure_channel(f"127.0.0.1:{self.gateway.tls_port}", credentials, [*more, ("grpc.ssl_target_name_override", HOST)])
        else:
            channel = grpc.insecure_channel(f"127.0.0.1:{self.gateway.port}", more)
        self.channels.append(channel)
        return channel

    def route_to(self, node, scheme="grpc", uri="/test.Service/*", **more):
        self.gateway.put_everywhere("/routes/1", {"uri": uri, "upstream": {"type": "roundrobin", "scheme": scheme, "nodes": {node: 1}}, **more})


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    certificate, key = self_signed(tmp_path_factory.mktemp("certificate"), HOST)
    server = GrpcServer()
    with running_gateway() as gateway:
        gateway.put("/ssls/1", {"snis": [HOST], "cert": certificate, "key": key})
        yield Served(gateway, server, certificate, key)
    server.close()


@pytest.fixture
def served(shared):
    shared.server.metadata.clear()
    shared.server.peers.clear()
    shared.server.seconds_left.clear()
    while shared.server.cancelled.acquire(blocking=False):
        pass
    shared.route_to(shared.server.node)
    yield shared
    for channel in shared.channels:
        channel.close()
    shared.channels.clear()


@pytest.fixture(params=[False, True], ids=["h2c", "h2"])
def stub(request, served):
    return Stub(served.channel(request.param))


@pytest.fixture
def plain(served):
    return Stub(served.channel(False))


def failure(call, *arguments, **more):
    with pytest.raises(grpc.RpcError) as failed:
        got = call(*arguments, timeout=PATIENCE_S, **more) if "timeout" not in more else call(*arguments, **more)
        list(got)
    return failed.value


# ---- the four kinds of calls

def test_unary(stub, served):
    got, call = stub.Unary.with_call(b"a message", timeout=PATIENCE_S, metadata=[("asked", "1"), ("asked-bin", b"\0\x80\xff")])
    assert (got, call.code()) == (b"a message", grpc.StatusCode.OK)
    assert dict(call.initial_metadata())["initial"] == "1"
    trailing = dict(call.trailing_metadata())
    assert (trailing["trailing"], trailing["trailing-bin"]) == ("2", b"\0\xff")
    assert (served.server.metadata[0]["asked"], served.server.metadata[0]["asked-bin"]) == ("1", b"\0\x80\xff")


def test_empty_message(stub):
    assert stub.Unary(b"", timeout=PATIENCE_S) == b""


def test_messages_of_four_mebibytes(stub):
    assert stub.Unary(LARGE, timeout=PATIENCE_S) == LARGE


def test_client_streaming(stub):
    assert stub.Upload((bytes(100) for _ in range(500)), timeout=PATIENCE_S) == b"500 50000"
    assert stub.Upload((LARGE for _ in range(3)), timeout=PATIENCE_S) == b"3 %d" % (3 * len(LARGE))


def test_server_streaming(stub):
    assert list(stub.Download(b"500 10", timeout=PATIENCE_S)) == [b"%d" % n + bytes(10) for n in range(500)]
    assert list(stub.Download(b"3 4194304", timeout=PATIENCE_S)) == [b"%d" % n + bytes(4 << 20) for n in range(3)]


def test_stream_without_messages(stub):
    assert list(stub.Download(b"0 0", timeout=PATIENCE_S)) == []
    assert list(stub.Both(iter([]), timeout=PATIENCE_S)) == []


def test_bidirectional_streaming_turn_by_turn(stub):
    """Each message is sent only when the one before has come back: nothing waits in the gateway."""
    messages = queue.Queue()
    call = stub.Both(iter(messages.get, None), timeout=PATIENCE_S)
    for number in range(50):
        messages.put(b"%d" % number)
        assert next(call) == b"%d" % number
    messages.put(None)
    assert list(call) == [] and call.code() == grpc.StatusCode.OK


def test_bidirectional_streaming_at_full_speed(stub):
    sent = [b"%d" % n * 1000 for n in range(500)]
    assert list(stub.Both(iter(sent), timeout=PATIENCE_S)) == sent


def test_many_calls_at_once_on_one_connection(stub):
    calls = [stub.Unary.future(b"%d" % n, timeout=PATIENCE_S) for n in range(300)]
    assert [call.result() for call in calls] == [b"%d" % n for n in range(300)]


def test_many_channels(served):
    stubs = [Stub(served.channel(bool(n % 2))) for n in range(10)]
    calls = [stub.Unary.future(b"%d" % n, timeout=PATIENCE_S) for stub in stubs for n in range(10)]
    assert [call.result() for call in calls] == [b"%d" % n for _ in stubs for n in range(10)]


# ---- statuses

@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code != grpc.StatusCode.OK], ids=lambda code: code.name)
def test_status_of_the_service(plain, code):
    failed = failure(plain.Fail, b"%d" % code.value[0])
    assert (failed.code(), failed.details()) == (code, "it failed: 100% \u00e9")
    assert dict(failed.trailing_metadata())["reason"] == "as asked"


def test_method_that_the_service_does_not_have(stub):
    assert failure(stub.Unknown, b"").code() == grpc.StatusCode.UNIMPLEMENTED


def test_no_route(stub, served):
    served.route_to(served.server.node, uri="/other")
    assert failure(stub.Unary, b"").code() == grpc.StatusCode.UNIMPLEMENTED


def test_node_that_does_not_listen(stub, served):
    served.route_to(f"127.0.0.1:{free_port()}")
    assert failure(stub.Unary, b"").code() == grpc.StatusCode.UNAVAILABLE


# ---- deadlines and cancellation

def test_deadline_reaches_the_service(stub, served):
    failed = failure(stub.Silent, b"", timeout=0.7)
    assert failed.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert 0 < served.server.seconds_left[0] <= 0.75  # grpc rounds it up
    assert served.server.cancelled.acquire(timeout=PATIENCE_S)


def test_client_cancels(stub, served):
    call = stub.Wait(b"begun", timeout=PATIENCE_S)
    assert next(call) == b"begun"
    call.cancel()
    assert served.server.cancelled.acquire(timeout=PATIENCE_S)
    assert call.code() == grpc.StatusCode.CANCELLED


def test_client_cancels_before_anything_came(stub, served):
    begun = len(served.server.seconds_left)
    call = stub.Silent.future(b"", timeout=PATIENCE_S)
    while len(served.server.seconds_left) == begun:
        pause(0.01)
    call.cancel()
    assert served.server.cancelled.acquire(timeout=PATIENCE_S)


def test_client_that_closes_its_connection(served):
    channel = served.channel(False)
    call = Stub(channel).Wait(b"begun", timeout=PATIENCE_S)
    assert next(call) == b"begun"
    channel.close()
    assert served.server.cancelled.acquire(timeout=PATIENCE_S)


def test_other_calls_of_the_connection_go_on(stub, served):
    waiting = stub.Wait(b"begun", timeout=PATIENCE_S)
    assert next(waiting) == b"begun"
    messages = queue.Queue()
    both = stub.Both(iter(messages.get, None), timeout=PATIENCE_S)
    messages.put(b"before")
    assert next(both) == b"before"
    waiting.cancel()
    assert served.server.cancelled.acquire(timeout=PATIENCE_S)
    messages.put(b"after")
    assert next(both) == b"after"
    messages.put(None)
    assert list(both) == []


def test_service_that_stops(served):
    """What is under way fails, later calls find no node."""
    server = GrpcServer()
    served.route_to(server.node)
    stub = Stub(served.channel(False))
    call = stub.Wait(b"begun", timeout=PATIENCE_S)
    assert next(call) == b"begun"
    server.close()
    assert failure(lambda timeout: call).code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.INTERNAL)
    assert failure(stub.Unary, b"").code() == grpc.StatusCode.UNAVAILABLE


# ---- connections

def test_keepalive_pings(served):
    """A quiet call stays, while its client sends pings."""
    channel = served.channel(False, ("grpc.keepalive_time_ms", 100), ("grpc.keepalive_timeout_ms", 5000), ("grpc.http2.max_pings_without_data", 0),
                             ("grpc.keepalive_permit_without_calls", 1))
    messages = queue.Queue()
    call = Stub(channel).Both(iter(messages.get, None), timeout=PATIENCE_S)
    for number in range(3):
        messages.put(b"%d" % number)
        assert next(call) == b"%d" % number
        pause(1)
    messages.put(None)
    assert list(call) == [] and call.code() == grpc.StatusCode.OK


def test_calls_share_connections_to_the_node(served):
    stub = Stub(served.channel(False))
    threads = [threading.Thread(target=lambda: [stub.Unary(b"x", timeout=PATIENCE_S) for _ in range(20)]) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(served.server.metadata) == 400
    assert len(served.server.peers) <= 4


def test_tls_to_the_node(served):
    credentials = grpc.ssl_server_credentials([(served.key.encode(), served.certificate.encode())])
    server = GrpcServer(credentials)
    try:
        served.route_to(server.node, scheme="grpcs")
        for tls in (False, True):
            stub = Stub(served.channel(tls))
            assert stub.Unary(LARGE, timeout=PATIENCE_S) == LARGE
            assert list(stub.Both(iter([b"1", b"2"]), timeout=PATIENCE_S)) == [b"1", b"2"]
    finally:
        server.close()


def test_reload_breaks_no_call(served):
    """A call that is under way ends in its old worker; new ones find the new one."""
    messages = queue.Queue()
    stub = Stub(served.channel(False))
    call = stub.Both(iter(messages.get, None), timeout=2 * PATIENCE_S)
    messages.put(b"before")
    assert next(call) == b"before"
    old = served.gateway.worker_pids()
    assert served.gateway.run("reload").returncode == 0
    messages.put(b"after")
    assert next(call) == b"after"
    assert stub.Unary(b"new", timeout=PATIENCE_S) == b"new"
    messages.put(None)
    assert list(call) == [] and call.code() == grpc.StatusCode.OK
    assert old != served.gateway.worker_pids()

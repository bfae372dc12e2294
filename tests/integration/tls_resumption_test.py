"""TLS sessions are resumed by whichever worker a client meets, over reloads and upgrades, with and without tickets."""

import json
import ssl

import pytest

from certificates import Authority
from tls_client import context_for, fetch

WORKERS = 3
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(params=[False, True], ids=["stateful", "tickets"])
def serving(request, make_gateway, authority):
    gateway = make_gateway(workers=WORKERS, config={"apisix": {"ssl": {"ssl_session_tickets": request.param}}})
    gateway.put("/ssls/1", authority.ssl_object("test.com"))
    gateway.put_everywhere("/routes/1", {"uri": "/*", "plugins": {"mocking": {"response_example": "x"}}})
    return gateway


def resume(gateway, context, session):
    """The session to go on with; it was resumed."""
    response, tls = fetch(gateway.tls_port, context=context, session=session)
    assert response.status == 200 and tls.is_resumed
    return tls.session


@pytest.mark.parametrize("version", VERSIONS)
def test_every_worker_resumes_every_session(serving, version):
    context = context_for(version=version)
    session = fetch(serving.tls_port, context=context)[1].session
    for _ in range(12):  # the kernel spreads them
        session = resume(serving, context, session)


@pytest.mark.expects_damage
@pytest.mark.parametrize("version", VERSIONS)
def test_sessions_outlive_reloads_and_workers(serving, version):
    context = context_for(version=version)
    session = fetch(serving.tls_port, context=context)[1].session
    serving.reload()
    session = resume(serving, context, session)
    serving.replace_workers()
    resume(serving, context, session)
    assert "Sanitizer" not in serving.log()


def test_session_of_another_server_name_is_not_resumed(serving, authority):
    serving.put_everywhere("/ssls/2", authority.ssl_object("*.wild.com"))
    context = context_for()
    session = fetch(serving.tls_port, name="a.wild.com", context=context)[1].session
    assert fetch(serving.tls_port, name="a.wild.com", context=context, session=session)[1].is_resumed
    assert not fetch(serving.tls_port, name="b.wild.com", context=context, session=session)[1].is_resumed


def test_session_is_not_resumed_under_another_certificate(serving, authority):
    context = context_for()
    session = fetch(serving.tls_port, context=context)[1].session
    serving.put_everywhere("/ssls/1", authority.ssl_object("test.com"))
    assert not fetch(serving.tls_port, context=context, session=session)[1].is_resumed


def test_handshakes_are_counted(serving):
    context = context_for()
    session = fetch(serving.tls_port, context=context)[1].session
    resume(serving, context, session)
    with pytest.raises(ssl.SSLError):
        fetch(serving.tls_port, name="unknown.com")
    workers = [process for process in json.loads(serving.run("status", "--json").stdout)["processes"]
               if process["role"] == "worker"]
    counts = {name: sum(worker["tls_handshakes"][name] for worker in workers) for name in ("completed", "resumed", "failed")}
    assert counts == {"completed": 2, "resumed": 1, "failed": 1}

"""What others change between the check of a set of changes and its commit: nothing of it is lost, and If-Match is exact.

The race is caused, not waited for: the gateway's way to etcd is a Link, and what others do happens when the transaction
with the set's values is on its way, behind every check.
"""
import json
import threading

import pytest

from changes_test import apply, history, node, revision_of, route
from etcd import Etcd
from gateway import wait_until
from link import Link

MARK = "the value that gives the set away"


@pytest.fixture(scope="module")
def etcd():
    with Etcd() as one:
        yield one


class Race:
    """A gateway whose transactions with MARK in them are overtaken, once, by what `do` does."""

    def __init__(self, etcd, link, gateway, prefix):
        self.etcd, self.link, self.gateway, self.prefix = etcd, link, gateway, prefix
        self.happened = False

    def put(self, key, value):
        self.etcd.put(self.prefix + key, value)

    def delete(self, key):
        self.etcd.delete(self.prefix + key)

    def apply(self, do, upstreams=(), if_match=None, **more):
        lock = threading.Lock()

        def look(data):
            with lock:
                if MARK.encode() in data and not self.happened:
                    self.happened = True
                    do()

        self.happened = False
        self.link.on_request = look
        objects = [{"id": "marked", "desc": MARK} | node(), *upstreams]
        response = apply(self.gateway, {"upstreams": objects} | more, if_match=if_match)
        self.link.on_request = None
        assert self.happened, response.text
        return response

    def now(self):
        return str(revision_of(self.gateway.admin("GET", "/routes")))

    def stored(self, key):
        return json.loads(self.etcd.items(self.prefix + key)[self.prefix + key])


@pytest.fixture
def make_race(etcd, make_gateway, request):
    links = []

    def made(prefix, config=None):
        link = Link(etcd.members[0].port)
        links.append(link)
        store = etcd.config(prefix=prefix, host=[f"http://127.0.0.1:{link.port}"])
        store["deployment"] |= config or {}
        return Race(etcd, link, make_gateway(config=store), prefix)

    yield made
    for link in links:
        link.close()


def many(count, **more):
    return [{"id": f"m{i:03}"} | node() | more for i in range(count)]


def test_if_match_sees_a_put_by_another_client_of_any_object(make_race):
    race = make_race("/race1")
    now = race.now()
    response = race.apply(lambda: race.put("/services/s", {"id": "s"}), if_match=now)
    assert response.status == 412 and "was changed at revision" in response.text, response.text
    assert race.gateway.admin("GET", "/upstreams/marked").status == 404
    # The list of plugins counts, what the gateways of a cluster say of themselves does not.
    response = race.apply(lambda: race.put("/plugins", "[]"), if_match=race.now())
    assert response.status == 412, response.text
    response = race.apply(lambda: race.put("/data_plane/server_info/other", {"id": "other"}), if_match=race.now())
    assert response.status == 200, response.text


def test_if_match_of_a_large_set_sees_changes_and_deletes_of_its_objects(make_race):
    race = make_race("/race2")
    assert apply(race.gateway, {"upstreams": many(100)}, query="?wait=20000").status == 200
    theirs = node(7) | {"id": "m099"}
    response = race.apply(lambda: race.put("/upstreams/m099", theirs), many(100, retries=1), if_match=race.now())
    assert response.status == 412, response.text
    assert race.stored("/upstreams/m099") == theirs and "retries" not in race.stored("/upstreams/m000")
    response = race.apply(lambda: race.delete("/upstreams/m001"), many(100, retries=1), if_match=race.now())
    assert response.status == 412, response.text
    assert "/race2/upstreams/m001" not in race.etcd.items("/race2/upstreams/")
    # A put of what was not there yet is seen as well.
    response = race.apply(lambda: race.put("/upstreams/m200", node()), many(201, retries=1), if_match=race.now())
    assert response.status == 412, response.text


@pytest.mark.parametrize("entries_max", [1000, 0])
def test_if_match_sees_a_delete_by_another_gateway(make_race, make_gateway, entries_max):
    admin = {"admin": {"history": {"max_entries": entries_max}}}
    race = make_race(f"/race3-{entries_max}", admin)
    config = race.etcd.config(prefix=race.prefix)
    config["deployment"] |= admin
    other = make_gateway(config=config)
    other.put("/services/s", {"name": "s"})
    response = race.apply(lambda: other.admin("DELETE", "/services/s"), if_match=race.now())
    assert response.status == 412, response.text
    assert race.gateway.admin("GET", "/upstreams/marked").status == 404
    assert race.apply(lambda: None, if_match=race.now()).status == 200


def test_a_large_set_without_if_match_loses_no_update_unseen(make_race):
    race = make_race("/race4")
    assert apply(race.gateway, {"upstreams": many(100)}, query="?wait=20000").status == 200
    theirs = node(7) | {"id": "m099"}
    response = race.apply(lambda: race.put("/upstreams/m099", theirs), many(100, retries=1))
    assert response.status == 200, response.text
    # It was checked again, so what it overwrote is what it says that it overwrote.
    entry = race.gateway.admin("GET", f"/history/{revision_of(response)}").json()
    mine = next(change for change in entry["changes"] if change["resource_id"] == "m099")
    assert mine["before"]["nodes"] == theirs["nodes"] and mine["after"]["retries"] == 1


def test_others_beside_a_large_set_do_not_stand_in_its_way(make_race):
    race = make_race("/race5")
    assert apply(race.gateway, {"upstreams": many(100)}, query="?wait=20000").status == 200
    stop = threading.Event()

    def write():
        for i in range(1000):
            race.put("/upstreams/beside", node(i + 1) | {"id": "beside"})
            if stop.is_set():
                return

    writer = threading.Thread(target=write)
    writer.start()
    try:
        response = race.apply(lambda: race.put("/upstreams/another", node()), many(100, retries=1))
        assert response.status == 200, response.text
    finally:
        stop.set()
        writer.join()
    assert race.stored("/upstreams/m050")["retries"] == 1
    assert race.gateway.admin("GET", "/upstreams/another").status == 200


@pytest.mark.parametrize("provider", ["local", "etcd"])
def test_between_the_revision_of_if_match_and_the_set_there_is_nothing(etcd, make_gateway, provider):
    gateway = make_gateway(workers=2, config=etcd.config(prefix="/line") if provider == "etcd" else None)
    gateway.put("/upstreams/u", node())
    won, failures = [], []
    stop = threading.Event()

    def write_sets(name):
        while not stop.is_set():
            now = revision_of(gateway.admin("GET", "/routes"))
            response = apply(gateway, {"routes": [route(f"{name}-{len(won)}")]}, if_match=str(now))
            if response.status == 200:
                won.append((now, revision_of(response)))
            elif response.status != 412:
                failures.append(response.text)

    def write_single():
        while not stop.wait(0.1):  # room for sets to win
            for method, body in (("PUT", node()), ("DELETE", None)):
                response = gateway.admin(method, "/upstreams/single", body)
                if response.status >= 300:
                    failures.append(response.text)

    threads = [threading.Thread(target=write_sets, args=(name,)) for name in (1, 2)]
    threads.append(threading.Thread(target=write_single))
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: failures or len(won) >= 8, "some sets to win")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    changed = [entry["revision"] for entry in history(gateway, "?limit=1000")]
    for expected, done in won:
        assert [revision for revision in changed if expected < revision < done] == []

"""/ui/ on the Admin API's port: the dashboard's files, as APISIX serves them. The files here are stand-ins."""

import http.client
import os
import time
from email.utils import formatdate

import pytest
from gateway import http_request, wait_until
from raw import Client

INDEX = b"<!doctype html><title>dashboard</title>"
SCRIPT = b"0123456789abcdef" * (256 * 1024)  # more than one slice, more than a socket takes at once
YEAR_AGO = 365 * 86_400


@pytest.fixture
def site(gateway):
    assets = gateway.prefix / "ui/assets"
    assets.mkdir(parents=True)
    (gateway.prefix / "ui/index.html").write_bytes(INDEX)
    for name, content in (("app-1.js", SCRIPT), ("app.css", b"a {}"), ("logo.svg", b"<svg/>"), ("font.TTF", b"ttf"),
                          ("none", b"?"), ("empty.txt", b"")):
        (assets / name).write_bytes(content)
    return gateway


def ui(gateway, path, method="GET", headers=None):
    return http_request(gateway.admin_port, method, path, headers=headers)


def test_files_and_pages(site):
    response = ui(site, "/ui/")
    assert (response.status, response.body) == (200, INDEX)
    assert response.header("Content-Type") == "text/html; charset=utf-8"
    assert response.header("Cache-Control") == "max-age=7200, private,max-age=7200"
    assert response.header("Expires") in {formatdate(time.time() + 7200 - back, usegmt=True) for back in range(10)}
    assert response.header("Server") == "APISIX/3.18.0" and not response.header("X-API-VERSION")
    for path, body, content_type in (
            ("/ui/index.html", INDEX, "text/html; charset=utf-8"),
            ("/ui/assets/app-1.js?v=1", SCRIPT, "application/javascript; charset=utf-8"),
            ("/ui/assets/app%2Ecss", b"a {}", "text/css"),
            ("/ui/assets/logo.svg", b"<svg/>", "image/svg+xml"),
            ("/ui/assets/font.TTF", b"ttf", "font/ttf"),
            ("/ui/assets/none", b"?", "application/octet-stream"),
            ("/ui/assets/empty.txt", b"", "text/plain; charset=utf-8"),
            # Pages of the dashboard, not files.
            ("/ui/routes/detail/1?page=2", INDEX, "text/html; charset=utf-8"),
            ("/ui/assets", INDEX, "text/html; charset=utf-8"),
            ("/ui/assets/", INDEX, "text/html; charset=utf-8"),
            ("/ui/index.html/x", INDEX, "text/html; charset=utf-8"),
            ("/ui/" + "x" * 300, INDEX, "text/html; charset=utf-8")):
        response = ui(site, path)
        assert (response.status, response.header("Content-Type")) == (200, content_type), path
        assert response.body == body, path
    head = ui(site, "/ui/assets/app-1.js", "HEAD")
    assert (head.status, head.body, head.header("Content-Length")) == (200, b"", str(len(SCRIPT)))


def test_redirect_and_methods(site):
    response = ui(site, "/ui?x=1")
    assert (response.status, response.header("Location")) == (301, "/ui/")
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        response = ui(site, "/ui/index.html", method)
        assert (response.status, response.header("Allow")) == (405, "GET, HEAD"), method
    # Beside it the Admin API is what it was, and nothing of it is at the proxy's port.
    assert ui(site, "/uix").status == 404
    assert ui(site, "/apisix/admin/routes").status == 401
    assert http_request(site.port, path="/ui/").json() == {"error_msg": "404 Route Not Found"}


def test_a_visitor_who_has_it(site):
    script = site.prefix / "ui/assets/app.css"
    os.utime(script, (time.time(), time.time() - YEAR_AGO))
    first = ui(site, "/ui/assets/app.css")
    tag, date = first.header("ETag"), first.header("Last-Modified")
    assert date == formatdate(int(script.stat().st_mtime), usegmt=True)
    for headers in ({"If-None-Match": tag}, {"If-Modified-Since": date}):
        again = ui(site, "/ui/assets/app.css", headers=headers)
        assert (again.status, again.body, again.header("ETag")) == (304, b"", tag), headers
        assert again.header("Cache-Control") and not again.header("Content-Type") and not again.header("Content-Length")
    assert ui(site, "/ui/assets/app.css", headers={"If-Match": '"other"'}).status == 412
    script.write_bytes(b"b {}")  # as long as before
    newer = ui(site, "/ui/assets/app.css", headers={"If-None-Match": tag, "If-Modified-Since": date})
    assert (newer.status, newer.body) == (200, b"b {}") and newer.header("ETag") != tag


def test_nothing_but_the_folder_is_served(site):
    leaves_the_folder = ("/ui/../conf/config.yaml", "/ui/..%2fconf/config.yaml", "/ui/%2e%2e/conf/config.yaml",
                         "/ui/assets/../../conf/config.yaml", "/ui//../conf/config.yaml")
    makes_no_sense = ("/ui/assets/..%2f..%2f..%2f..%2fetc/passwd", "/ui/%00", "/ui/%")
    for path, status in [(path, 404) for path in leaves_the_folder] + [(path, 400) for path in makes_no_sense]:
        response = ui(site, path)
        assert b"admin_key" not in response.body and b"root:" not in response.body, path
        assert response.status == status, path
    # A backslash separates nothing here: a page of the application with an odd name.
    assert ui(site, "/ui/..\\conf\\config.yaml").body == INDEX
    os.mkfifo(site.prefix / "ui/pipe")  # no writer: opening it must not stop the worker
    assert ui(site, "/ui/pipe").body == INDEX


def test_a_folder_that_is_not_there(gateway):
    response = ui(gateway, "/ui/")
    assert response.status == 404 and "openresty" in response.text
    # No start is needed when it comes.
    (gateway.prefix / "ui").mkdir()
    assert ui(gateway, "/ui/").status == 404
    (gateway.prefix / "ui/index.html").write_bytes(INDEX)
    assert ui(gateway, "/ui/routes").body == INDEX


def test_slow_visitors_hold_a_bounded_memory(site):
    with open(site.prefix / "ui/large.wasm", "wb") as file:
        file.truncate(20 << 20)  # three on their way are below 64 MiB, a fourth would be above
    request = "GET /ui/large.wasm HTTP/1.1\r\nHost: a\r\n\r\n"
    slow = [Client(site.admin_port, receive_buffer=4096) for _ in range(3)]
    for client in slow:
        client.send(request)
        assert client.read_head().status == 200
    assert ui(site, "/ui/large.wasm").status == 503
    site.wait_for_log("too many files of the dashboard are on their way: /ui/large.wasm is refused")
    assert ui(site, "/ui/").status == 200 and site.admin("GET", "/routes").status == 200
    slow[0].close()
    wait_until(lambda: ui(site, "/ui/large.wasm", "HEAD").status == 200, "room for another one")
    for client in slow[1:]:
        client.close()


@pytest.mark.gateway(config={"deployment": {"admin": {"allow_admin": ["1.1.1.1/32"]}}})
def test_addresses_that_are_not_allowed(site):
    for path in ("/ui/", "/ui"):
        with pytest.raises((ConnectionError, http.client.BadStatusLine)):
            ui(site, path)


@pytest.mark.gateway(config={"deployment": {"admin": {"enable_admin_ui": False}}})
def test_switched_off(site):
    assert ui(site, "/ui/").status == 404
    assert ui(site, "/ui").status == 404

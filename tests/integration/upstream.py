"""An HTTP/1.1 server for tests to proxy to. It responds with what it received, as JSON, unless configured otherwise."""

import json
import sys
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Request:
    method: str
    path: str  # with the query
    headers: list  # of (name, value), in order
    body: bytes
    client_port: int

    def header(self, name):
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None


def echo(request):
    body = {"method": request.method, "path": request.path, "headers": request.headers,
            "body": request.body.decode(errors="replace")}
    return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        """A gateway that resets its idle connections, or is killed by the test, is no error of ours."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Upstream:
    """`respond` is called with a Request, in a thread of the connection, and returns (status, headers, body)."""

    def __init__(self, respond=echo, host="127.0.0.1", port=0):
        self.respond = respond
        self.requests = []
        self._server = Server((host, port), self._handler())
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def node(self):
        """For `nodes` of an upstream object."""
        return f"127.0.0.1:{self.port}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self):
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def read_body(self):
                if "chunked" not in (self.headers.get("Transfer-Encoding") or ""):
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body = b""
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                while self.rfile.readline().strip():
                    pass
                return body

            def serve(self):
                request = Request(self.command, self.path, list(self.headers.items()), self.read_body(),
                                  self.client_address[1])
                upstream.requests.append(request)
                status, headers, body = upstream.respond(request)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(body)))
                # Head and body in one write: whether a gateway sees one before the other is no matter of chance.
                head = b"".join(self._headers_buffer) + b"\r\n"
                self._headers_buffer = []
                self.wfile.write(head if self.command == "HEAD" else head + body)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = serve

            def log_message(self, *arguments):
                pass

        return Handler

"""A TCP link between a gateway and a server of the test, that can be cut, made slow, or left hanging."""
import socket
import threading

from gateway import pause


class Link:
    """Listens on a port of its own and forwards to `port` of this machine."""

    def __init__(self, port):
        self.target = port
        self.delay_s = 0.0  # of each piece of data, in each direction
        self.hangs = False  # accepts and forwards nothing more
        self.on_request = None  # called with each piece that the server is about to get
        self._pairs = set()
        self._lock = threading.Lock()
        self._listener = None
        self.port = None
        self.join()

    def join(self):
        """Connections are taken (again)."""
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", self.port or 0))
        self.port = self._listener.getsockname()[1]
        self._listener.listen(64)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self):
        """Every connection breaks, new ones are refused."""
        listener, self._listener = self._listener, None
        if listener:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for one in pairs:
            for end in one:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        self.cut()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                if self._listener is not listener:
                    return
                near.close()
                continue
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._pairs.add((near, far))
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink, sink is far), daemon=True).start()

    def _pump(self, source, sink, is_request):
        try:
            while data := source.recv(65536):
                while self.hangs:
                    pause(0.02)
                if self.delay_s:
                    pause(self.delay_s)
                if is_request and self.on_request:
                    self.on_request(data)
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

"""Many clients at once, each on a connection of its own that it keeps."""

import collections
import http.client
import threading


def hammer(ports, path, clients, requests_each, headers=None):
    """How often each status came. `clients` threads go round the `ports`; all begin together."""
    statuses = collections.Counter()
    lock = threading.Lock()
    barrier = threading.Barrier(clients)

    def run(number):
        connection = http.client.HTTPConnection("127.0.0.1", ports[number % len(ports)], timeout=30)
        own = collections.Counter()
        barrier.wait()
        for _ in range(requests_each):
            connection.request("GET", path, headers=headers or {})
            response = connection.getresponse()
            response.read()
            own[response.status] += 1
        connection.close()
        with lock:
            statuses.update(own)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses

"""Another client beside a load: one request on a new connection every 10 ms, until standard input ends. Prints its latencies in
ms as JSON. A process of its own: the load's Python would hold it up. usage: other_client.py PORT PATH"""

import json
import select
import socket
import sys
import time


def main():
    port, path = int(sys.argv[1]), sys.argv[2]
    request = f"GET {path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n".encode()
    latencies, failures = [], 0
    while not select.select([sys.stdin], [], [], 0.01)[0]:
        begin = time.perf_counter()
        try:
            with socket.create_connection(("127.0.0.1", port), 30) as sock:
                sock.sendall(request)
                failures += b" 200 " not in sock.recv(4096)[:20]
        except OSError:
            failures += 1
        latencies.append((time.perf_counter() - begin) * 1000)
    latencies.sort()
    print(json.dumps({"requests": len(latencies), "failures": failures, "p50": latencies[len(latencies) // 2],
                      "p99": latencies[int(len(latencies) * 0.99)], "max": latencies[-1]}))


main()

"""An echo server of another implementation of WebSocket, on a thread of its own.

    with websocket_echo(max_size=None) as port: ...
"""
import asyncio
import contextlib
import threading

import websockets

from gateway import PATIENCE_S


@contextlib.contextmanager
def websocket_echo(**options):
    """The port. `options` are those of websockets.serve()."""
    started, stop, port = threading.Event(), [], []

    async def echo(socket, *_):
        async for message in socket:
            await socket.send(message)

    async def serve():
        stop.append(asyncio.get_running_loop().create_future())
        async with websockets.serve(echo, "127.0.0.1", 0, **options) as server:
            port.append(server.sockets[0].getsockname()[1])
            stop.append(asyncio.get_running_loop())
            started.set()
            await stop[0]

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert started.wait(PATIENCE_S)
    try:
        yield port[0]
    finally:
        stop[1].call_soon_threadsafe(stop[0].set_result, None)
        thread.join()

"""A WebSocket server of the tests."""

import threading
from collections.abc import Iterator

import pytest
from websockets.sync.server import ServerConnection, serve


@pytest.fixture
def echo() -> Iterator[str]:
    """A WebSocket that says everything back."""

    def answer(connection: ServerConnection) -> None:
        for message in connection:
            connection.send(message)

    with serve(answer, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/?token=hunter2"
        server.shutdown()
        thread.join()

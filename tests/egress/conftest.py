"""Each test of this room runs on the loop of the server, and on the one of the library."""

import pytest


@pytest.fixture(
    scope="session",
    params=[("asyncio", {"use_uvloop": True}), ("asyncio", {"use_uvloop": False})],
    ids=["uvloop", "asyncio"],
)
def anyio_backend(request: pytest.FixtureRequest) -> object:
    return request.param

"""States as tests of their store need them."""

import hashlib
import random
from typing import Any

from agent_browser.models.checkpoints import Loss, Part, State

LOSS = Loss(what="service_worker", where="https://example.com", why="it can't be saved")


def state(**values: Any) -> State:
    """Of these values, beside some that are always there."""
    usual: dict[str, Any] = {
        "cookies": [{"name": "sid", "value": "s3cr3t", "domain": "example.com", "path": "/"}],
        "local https://example.com": [{"name": "theme", "value": "dark"}],
    }
    parts = [Part.of(name, value) for name, value in (usual | values).items()]
    return State({part.name: part for part in parts})


def large(seed: int = 1, size: int = 40_000) -> str:
    """Text that does not get much smaller: a part of it is a blob."""
    return random.Random(seed).randbytes(size // 2).hex()


def same(one: State, other: State) -> bool:
    """Whether two states say the same, and each part is what its digest says."""
    assert all(hashlib.sha256(p.data).hexdigest() == p.digest for p in one.parts.values())
    return dict(one.parts) == dict(other.parts) and one.losses == other.losses

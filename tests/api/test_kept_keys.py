"""The server as a process: keys made before it starts, used, and revoked while it runs."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from tests.api.test_server import _running, _start


def keys(folder: Path, *arguments: str, url: str = "http://127.0.0.1:1", key: str = "") -> str:
    """What `agent-browser keys` prints."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith("AGENT_BROWSER_")}
    environ |= {"AGENT_BROWSER_DATA_DIR": str(folder / "data"), "AGENT_BROWSER_URL": url}
    environ |= {"AGENT_BROWSER_API_KEY": key} if key else {}
    program = [sys.executable, "-m", "agent_browser", "keys", *arguments]
    done = subprocess.run(program, env=environ, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def status(url: str, key: str) -> int:
    answer = httpx.get(f"{url}/v1/sessions", headers={"X-API-Key": key})
    return answer.status_code


def test_a_kept_key_lets_a_server_be_exposed_and_outlives_it(tmp_path: Path) -> None:
    refused = _start(tmp_path, log_level="error", host="0.0.0.0")
    _, said = refused.communicate(timeout=60)
    assert refused.returncode == 1
    assert "keys create" in said
    root = keys(tmp_path, "create", "root", "--role", "admin")
    with _running(tmp_path, host="0.0.0.0") as (process, url):
        assert status(url, "") == status(url, root[:-1] + "x") == 401
        assert status(url, root) == 200
        made = keys(tmp_path, "create", "bot", "--json", url=url, key=root)
        bot = json.loads(made)
        assert status(url, bot["key"]) == 200
        process.send_signal(signal.SIGKILL)  # what was answered was written
        process.wait()
    with _running(tmp_path) as (process, url):
        assert status(url, bot["key"]) == status(url, root) == 200
        assert status(url, "") == 401
        keys(tmp_path, "revoke", bot["id"], url=url, key=root)
        assert status(url, bot["key"]) == 401
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert "revoked" in keys(tmp_path, "list")
    folder = tmp_path / "data"
    kept = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for key in (root, bot["key"]):
        assert key.encode() not in kept
        assert key[16:].encode() not in kept

"""Records several sessions at once, and downloads their videos when they are closed.

python examples/collect_videos.py videos https://example.com https://example.org
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import httpx

SERVER = os.environ.get("AGENT_BROWSER_URL", "http://127.0.0.1:7070")
KEY = os.environ.get("AGENT_BROWSER_API_KEY")


async def post(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The answer. A server that is full says when to come back; any other error is raised."""
    for _ in range(5):
        answer = await client.post(path, json=body)
        if "retry-after" not in answer.headers:
            break
        await asyncio.sleep(float(answer.headers["retry-after"]))
    output: dict[str, Any] = answer.json()
    if answer.is_error:
        raise RuntimeError(output["detail"])
    return output


async def record(client: httpx.AsyncClient, url: str) -> list[dict[str, Any]]:
    """Shows a page to the camera: down, up, a moment's rest. The videos are what `close` gives."""
    page = {"url": url, "record_video": True, "show_cursor": True}
    opened = await post(client, "/v1/functions/open", {"session": "new", "input": page})
    session = f"/v1/sessions/{opened['session_id']}"
    try:
        for direction in ("down", "up"):
            step = {"action": "scroll", "direction": direction, "snapshot": False}
            await post(client, f"{session}/interact", step)
        await post(client, f"{session}/interact", {"action": "wait", "wait_ms": 500})
    finally:
        closed = await post(client, f"{session}/close", {})
    videos: list[dict[str, Any]] = closed["videos"]
    return videos


async def download(client: httpx.AsyncClient, video: dict[str, Any], path: Path) -> None:
    """Streams it into the file, which has its name only when it is complete."""
    partial = path.with_suffix(".part")
    async with client.stream("GET", video["url"]) as answer:
        answer.raise_for_status()
        with partial.open("wb") as file:
            async for chunk in answer.aiter_bytes():
                file.write(chunk)
    partial.rename(path)


async def main(folder: Path, urls: list[str]) -> int:
    """Prints each file's name and size; 1 if one could not be recorded."""
    headers = {"Authorization": f"Bearer {KEY}"} if KEY else {}
    failed = 0

    async def one(number: int, url: str) -> None:
        nonlocal failed
        try:
            for tab, video in enumerate(await record(client, url), start=1):
                path = folder / f"{number:02}-{tab}.webm"
                await download(client, video, path)
                print(f"{path}: {path.stat().st_size} bytes of {url}", flush=True)
        except (RuntimeError, httpx.HTTPError) as exc:
            failed += 1
            print(f"{url}: {exc}", file=sys.stderr)

    async with httpx.AsyncClient(base_url=SERVER, headers=headers, timeout=120) as client:
        await asyncio.gather(*(one(n, url) for n, url in enumerate(urls, start=1)))
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    sys.exit(asyncio.run(main(target, sys.argv[2:])))

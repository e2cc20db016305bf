"""Reads several pages at once, a bounded number at a time, and prints one line of JSON for each.

python examples/scrape_in_parallel.py https://example.com https://example.org
"""

import asyncio
import json
import os
import sys
from typing import Any

import httpx

SERVER = os.environ.get("AGENT_BROWSER_URL", "http://127.0.0.1:7070")
KEY = os.environ.get("AGENT_BROWSER_API_KEY")
AT_ONCE = 4
READ = """() => ({
    headings: [...document.querySelectorAll('h1, h2')].map((heading) => heading.innerText),
    links: document.links.length,
    words: document.body.innerText.split(/\\s+/).length,
})"""


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


async def scrape(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    """What a page says of itself. Its session is closed whatever happens."""
    opened = await post(client, "/v1/functions/open", {"session": "new", "input": {"url": url}})
    session = f"/v1/sessions/{opened['session_id']}"
    try:
        read = await post(client, f"{session}/execute", {"code": READ})
        if read["error"]:
            raise RuntimeError(read["error"])
        return {name: opened[name] for name in ("url", "title", "status")} | dict(read["value"])
    finally:
        await client.post(f"{session}/close")


async def main(urls: list[str]) -> int:
    """Prints a line for each page as it comes; the exit code is 1 if one of them failed."""
    headers = {"Authorization": f"Bearer {KEY}"} if KEY else {}
    turns = asyncio.Semaphore(AT_ONCE)
    failed = 0

    async def one(url: str) -> None:
        nonlocal failed
        async with turns:
            try:
                line = await scrape(client, url)
            except (RuntimeError, httpx.HTTPError) as exc:
                failed += 1
                line = {"url": url, "error": str(exc)}
        print(json.dumps(line, ensure_ascii=False), flush=True)

    async with httpx.AsyncClient(base_url=SERVER, headers=headers, timeout=120) as client:
        await asyncio.gather(*(one(url) for url in urls))
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(asyncio.run(main(sys.argv[1:])))

"""Reads several pages at once, a bounded number at a time, and prints one line of JSON for each.

python examples/scrape_in_parallel.py https://example.com https://example.org
"""

import json
import sys

from agent_browser.client import Client

AT_ONCE = 4
READ = """() => ({
    headings: [...document.querySelectorAll('h1, h2')].map((heading) => heading.innerText),
    links: document.links.length,
    words: document.body.innerText.split(/\\s+/).length,
})"""


def main(urls: list[str]) -> int:
    """Prints a line for each page as it comes; the exit code is 1 if one of them failed."""
    read = [{"function": "execute", "input": {"code": READ}, "name": "page"}]
    failed = 0
    with Client() as client:
        for page in client.scrape(urls, concurrency=AT_ONCE, read=read, retries={"attempts": 1}):
            line = {"url": page.url, "title": page.title, "status": page.status}
            if page.readings["page"] is not None:
                line |= page.readings["page"]["value"] or {}
            if page.error is not None:
                line["error"] = page.error.detail
            failed += not page.ok
            print(json.dumps(line, ensure_ascii=False), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))

"""Exit status 0 when the server on this machine is ready; for health checks of containers.

Reads the server's own environment: AGENT_BROWSER_PORT, and a key of AGENT_BROWSER_API_KEYS.
"""

import os
import sys
import urllib.error
import urllib.request


def main() -> int:
    """0 when /readyz answers 200, else 1 with the reason on stderr."""
    port = os.environ.get("AGENT_BROWSER_PORT", "7070")
    request = urllib.request.Request(f"http://127.0.0.1:{port}/readyz")
    first = os.environ.get("AGENT_BROWSER_API_KEYS", "").split(",")[0]
    key = first.partition(":")[2].strip()
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=8):
            return 0
    except urllib.error.HTTPError as exc:
        with exc:
            sys.stderr.write(f"{exc.code} {exc.read(2000).decode(errors='replace')}\n")
    except OSError as exc:
        sys.stderr.write(f"{exc}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())

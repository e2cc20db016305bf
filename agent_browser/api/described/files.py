"""The function on what a session downloaded."""

from agent_browser import errors
from agent_browser.api.described.about import ARTIFACT, About

ABOUT: dict[str, About] = {
    "downloads": About(
        "List what was downloaded",
        """\
Every file that the session's pages downloaded, or began to, with where it came from and what became
of it; with `zip` also one zip file of all that are there. Of an ended session too, while it is
remembered.""",
        {"zip": True},
        {
            "downloads": [
                {
                    "name": "report.csv",
                    "url": "https://example.com/report.csv",
                    "state": "done",
                    "received": 20145,
                    "size": 20145,
                    "sha256": ARTIFACT["sha256"],
                    "content_type": "text/csv",
                    "error": None,
                    "artifact": {
                        **ARTIFACT,
                        "content_type": "text/csv",
                        "filename": "report.csv",
                    },
                    "started_at": "2026-11-20T09:29:59.000Z",
                    "ended_at": "2026-11-20T09:30:00.000Z",
                }
            ],
            "total": 1,
            "zip": {**ARTIFACT, "content_type": "application/zip", "filename": "downloads.zip"},
        },
        (errors.InvalidTimeout, errors.StorageFull),
    )
}

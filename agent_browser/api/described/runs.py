"""Runs in words and examples."""

from typing import Any

from agent_browser.api.described.about import SESSION

OPERATION_ID = "op_m2Xr0v8kQyS1bT7cLw4NzA"
RUN: dict[str, Any] = {
    "steps": [
        {"function": "open", "input": {"url": "https://example.com"}},
        {"function": "interact", "input": {"action": "click", "ref": "text=More information"}},
        {"function": "read", "name": "text", "input": {"format": "text"}},
    ],
    "stop": {"url": "https://*.example.com/login*"},
    "on_disconnect": "abort",
}
STEP: dict[str, Any] = {
    "type": "step",
    "operation_id": OPERATION_ID,
    "session_id": SESSION,
    "index": 0,
    "name": None,
    "function": "open",
    "ok": True,
    "output": {"url": "https://example.com/", "title": "Example Domain", "status": 200},
    "error": None,
    "url": "https://example.com/",
    "started_at": "2026-11-20T09:30:00.012Z",
    "seconds": 0.214,
    "note": None,
}
BRIEF: dict[str, Any] = {
    "id": OPERATION_ID,
    "session_id": SESSION,
    "status": "succeeded",
    "reason": None,
    "error": None,
    "total": 1,
    "done": 1,
    "failed": 0,
    "on_disconnect": "abort",
    "created_at": "2026-11-20T09:30:00.000Z",
    "ended_at": "2026-11-20T09:30:00.226Z",
    "seconds": 0.226,
}
BEGUN: dict[str, Any] = {
    **BRIEF,
    "status": "running",
    "total": 3,
    "done": 0,
    "ended_at": None,
    "seconds": 0.0,
}
SUMMARY: dict[str, Any] = {**BRIEF, "type": "summary"}
OPERATION: dict[str, Any] = {**BRIEF, "steps": [STEP]}

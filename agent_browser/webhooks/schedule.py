"""When a delivery that failed is tried again, and when to stop. Pure."""

from datetime import datetime, timedelta

PAUSES = (5.0, 30.0, 120.0, 600.0, 1_800.0)
"""Seconds before each further attempt."""
JITTER = 0.2
"""Share of a pause by which it is shorter or longer, so that many do not come at once."""
LONGEST_ASKED = 3_600.0
"""Seconds that an address may ask us to wait."""
LONGEST = max(LONGEST_ASKED, PAUSES[-1] * (1 + JITTER))
"""Seconds that no pause is longer than."""
GONE = 410
"""The status by which an address says that it wants nothing more."""


def pause(attempts: int, *, asked: float | None, luck: float) -> float | None:
    """Seconds until the next attempt after so many; None where that was the last. `asked` is what
    the address asked for, `luck` is between 0 and 1.
    """
    if attempts > len(PAUSES):
        return None
    usual = PAUSES[attempts - 1] * (1 - JITTER + 2 * JITTER * luck)
    return max(usual, min(asked or 0.0, LONGEST_ASKED))


def why_off(
    status: int | None, *, failing_since: datetime, now: datetime, patience: float
) -> str | None:
    """Why a webhook is switched off after an attempt that failed; None where it is not yet."""
    if status == GONE:
        return "the address answered 410: it wants no more"
    if now - failing_since >= timedelta(seconds=patience):
        since = failing_since.isoformat(timespec="seconds").replace("+00:00", "Z")
        return f"every delivery has failed since {since}"
    return None

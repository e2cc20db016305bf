"""What is used of a day's quotas. Pure.

A day, and no month: a quota of this server keeps one owner from taking all of it, and who is over
is back within 24 hours. A day of UTC, so that it begins alike for everybody and after a restart.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta


@dataclass
class Spent:
    """What one owner spent on a day."""

    day: date
    recording: float = 0.0
    """Seconds of video."""
    traffic: int = 0
    """Bytes."""

    def on(self, day: date) -> "Spent":
        """This, or nothing yet where it is of an earlier day. A clock that is set back gives
        nobody a second time what was spent.
        """
        return self if self.day >= day else Spent(day)


def day_of(now: datetime) -> date:
    """The day in UTC."""
    return now.astimezone(UTC).date()


def end_of(now: datetime) -> datetime:
    """When the day is over."""
    tomorrow = day_of(now) + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=UTC)

"""Samples of one quantity, and what is said of them. Pure."""

from dataclasses import dataclass, field


@dataclass
class Samples:
    """Seconds, in order of measurement."""

    seconds: list[float] = field(default_factory=list)

    def add(self, seconds: float) -> None:
        """One more."""
        self.seconds.append(seconds)

    def at(self, share: float) -> float:
        """The quantile, in milliseconds: 0.5 is the median. ValueError where there is no sample."""
        if not self.seconds:
            raise ValueError("there are no samples")
        ordered = sorted(self.seconds)
        place = share * (len(ordered) - 1)
        below = int(place)
        above = min(below + 1, len(ordered) - 1)
        value = ordered[below] + (ordered[above] - ordered[below]) * (place - below)
        return value * 1000

    @property
    def p50(self) -> float:
        """The median, in milliseconds."""
        return self.at(0.5)

    def as_json(self) -> dict[str, float]:
        """Milliseconds, and how many samples."""
        return {
            "p50_ms": round(self.p50, 2),
            "p95_ms": round(self.at(0.95), 2),
            "least_ms": round(self.at(0), 2),
            "most_ms": round(self.at(1), 2),
            "samples": len(self.seconds),
        }

"""What the pool does, as Prometheus metrics in a registry of this server's own."""

from collections.abc import Callable, Iterable
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from agent_browser.events import Outcome

__all__ = ["CONTENT_TYPE", "Metrics", "Statistics"]

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SLOW = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Statistics(Protocol):
    """What is read of the pool at each scrape."""

    @property
    def live(self) -> int: ...
    @property
    def opening(self) -> int: ...
    @property
    def waiting(self) -> int: ...
    @property
    def hibernated(self) -> int: ...
    @property
    def ended(self) -> int: ...
    @property
    def capacity(self) -> int: ...
    @property
    def warm(self) -> int: ...


class Written(Protocol):
    """What is read of the database's writer at each scrape."""

    @property
    def waiting(self) -> int: ...
    @property
    def written(self) -> int: ...
    @property
    def dropped(self) -> int: ...
    @property
    def refused(self) -> int: ...
    @property
    def failures(self) -> int: ...
    @property
    def behind(self) -> float: ...


class Metrics:
    """An Observer that counts and times. Gauges are read from the pool when somebody asks."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._opened = self._counter("sessions_opened", "Sessions that got a context.", "warm")
        self._ended = self._counter("sessions_ended", "Sessions that ended.", "reason")
        self._calls = self._counter(
            "calls", "Functions done. `action` is interact's.", "function", "action", "outcome"
        )
        self._refused = self._counter("opens_refused", "Opens refused.", "reason")
        self._launched = self._counter("browser_launches", "Browser processes started.")
        self._lost = self._counter("browser_losses", "Browser processes lost.")
        self._recycled = self._counter("browser_recycles", "Browser processes replaced.", "reason")
        self._hibernated = self._counter("hibernations", "Sessions hibernated.", "reason")
        self._resumed = self._counter(
            "resumes", "Hibernated sessions brought back, or not.", "outcome"
        )
        self._checkpoints = self._counter("checkpoints", "States of sessions saved.", "outcome")
        self._checkpoint_bytes = self._counter("checkpoint_bytes", "Bytes written for them.")
        self._open_seconds = self._histogram(
            "open_duration", "From asking for a context to having it.", _FAST, "warm"
        )
        self._call_seconds = self._histogram(
            "call_duration", "Time a function took.", _FAST, "function"
        )
        self._wait_seconds = self._histogram("wait_duration", "Opens' wait for room.", _SLOW)
        self._launch_seconds = self._histogram(
            "browser_launch_duration", "Time a browser took to start.", _SLOW
        )
        self._hibernation_seconds = self._histogram(
            "hibernation_duration", "Time it took to hibernate a session.", _FAST, "reason"
        )
        self._resume_seconds = self._histogram(
            "resume_duration", "Time it took to bring a session back.", _FAST, "outcome"
        )
        self._checkpoint_seconds = self._histogram(
            "checkpoint_duration", "Time it took to save a state.", _FAST, "outcome"
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"agent_browser_{name}", text, labels, registry=self._registry)

    def _histogram(
        self, name: str, text: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(
            f"agent_browser_{name}_seconds", text, labels, buckets=buckets, registry=self._registry
        )

    def watch(self, statistics: Callable[[], Statistics]) -> None:
        """Read the gauges from there, from now on. To be called once."""
        self._registry.register(_Gauges(statistics))

    def watch_database(self, statistics: Callable[[], Written]) -> None:
        """Read how writing to the database goes from there. To be called once."""
        self._registry.register(_Database(statistics))

    def render(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return generate_latest(self._registry)

    def opened(self, *, warm: bool, seconds: float) -> None:
        label = "true" if warm else "false"
        self._opened.labels(label).inc()
        self._open_seconds.labels(label).observe(seconds)

    def ended(self, *, reason: str) -> None:
        self._ended.labels(reason).inc()

    def called(self, *, function: str, action: str, outcome: Outcome, seconds: float) -> None:
        self._calls.labels(function, action, outcome).inc()
        self._call_seconds.labels(function).observe(seconds)

    def waited(self, *, seconds: float) -> None:
        self._wait_seconds.observe(seconds)

    def refused(self, *, reason: str) -> None:
        self._refused.labels(reason).inc()

    def launched(self, *, seconds: float) -> None:
        self._launched.inc()
        self._launch_seconds.observe(seconds)

    def lost(self) -> None:
        self._lost.inc()

    def recycled(self, *, reason: str) -> None:
        self._recycled.labels(reason).inc()

    def hibernated(self, *, reason: str, seconds: float) -> None:
        self._hibernated.labels(reason).inc()
        self._hibernation_seconds.labels(reason).observe(seconds)

    def resumed(self, *, outcome: str, seconds: float) -> None:
        self._resumed.labels(outcome).inc()
        self._resume_seconds.labels(outcome).observe(seconds)

    def checkpointed(self, *, outcome: str, seconds: float, written: int) -> None:
        self._checkpoints.labels(outcome).inc()
        self._checkpoint_seconds.labels(outcome).observe(seconds)
        self._checkpoint_bytes.inc(written)


class _Gauges(Collector):
    def __init__(self, statistics: Callable[[], Statistics]) -> None:
        self._statistics = statistics

    def describe(self) -> Iterable[Metric]:
        # Named without being read: at registration the pool is not there yet.
        return [_sessions(), _capacity(), _warm()]

    def collect(self) -> Iterable[Metric]:
        now = self._statistics()
        sessions = _sessions()
        for state in ("live", "opening", "waiting", "hibernated", "ended"):
            sessions.add_metric([state], getattr(now, state))
        capacity, warm = _capacity(), _warm()
        capacity.add_metric([], now.capacity)
        warm.add_metric([], now.warm)
        return [sessions, capacity, warm]


def _sessions() -> GaugeMetricFamily:
    return GaugeMetricFamily("agent_browser_sessions", "Sessions by state.", labels=["state"])


def _capacity() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "agent_browser_capacity", "Sessions that there is room for.", labels=[]
    )


def _warm() -> GaugeMetricFamily:
    return GaugeMetricFamily("agent_browser_warm_contexts", "Contexts kept ready.", labels=[])


_DATABASE = {
    "waiting": "Records and log entries that wait to be written.",
    "behind": "Seconds since the oldest that waits was put.",
    "written": "Records and log entries written.",
    "dropped": "Log entries and texts that were never written: memory was full.",
    "refused": "Records and log entries that the database did not take.",
    "failures": "Transactions that failed and were tried again.",
}
_GAUGED = ("waiting", "behind")


class _Database(Collector):
    def __init__(self, statistics: Callable[[], Written]) -> None:
        self._statistics = statistics

    def describe(self) -> Iterable[Metric]:
        return [_of_database(name) for name in _DATABASE]

    def collect(self) -> Iterable[Metric]:
        now = self._statistics()
        found = [(_of_database(name), getattr(now, name)) for name in _DATABASE]
        for metric, value in found:
            metric.add_metric([], value)
        return [metric for metric, _ in found]


def _of_database(name: str) -> GaugeMetricFamily | CounterMetricFamily:
    family = GaugeMetricFamily if name in _GAUGED else CounterMetricFamily
    unit = "_seconds" if name == "behind" else ""
    return family(f"agent_browser_database_{name}{unit}", _DATABASE[name], labels=[])

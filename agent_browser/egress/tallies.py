"""What went to and from hosts, counted. Pure."""

from dataclasses import dataclass

from agent_browser.models.egress import HostTraffic, Traffic

MOST_HOSTS = 1_000
OTHERS = "(others)"


@dataclass(slots=True)
class Tally:
    """One host's, and the port's own, which counts along."""

    host: str
    requests: int = 0
    denied: int = 0
    up: int = 0
    down: int = 0


class Tallies:
    """Those of one session, the first thousand hosts each by itself."""

    def __init__(self) -> None:
        self._hosts: dict[str, Tally] = {}

    def of(self, host: str) -> Tally:
        """The tally of host:port."""
        tally = self._hosts.get(host)
        if tally is None:
            name = host if len(self._hosts) < MOST_HOSTS else OTHERS
            tally = self._hosts.setdefault(name, Tally(name))
        return tally

    @property
    def up(self) -> int:
        """Bytes sent."""
        return sum(tally.up for tally in self._hosts.values())

    @property
    def down(self) -> int:
        """Bytes received."""
        return sum(tally.down for tally in self._hosts.values())

    def shown(self) -> Traffic:
        """All of it, hosts with most bytes first."""
        ordered = sorted(self._hosts.values(), key=lambda one: (-one.up - one.down, one.host))
        return Traffic(
            bytes_up=self.up,
            bytes_down=self.down,
            denied=sum(tally.denied for tally in ordered),
            items=[
                HostTraffic(
                    host=one.host,
                    requests=one.requests,
                    denied=one.denied,
                    bytes_up=one.up,
                    bytes_down=one.down,
                )
                for one in ordered
            ],
        )

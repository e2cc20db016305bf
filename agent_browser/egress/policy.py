"""What may leave: one policy for the sessions' browsers and for what the server itself sends to.
Pure, but that the ports which are this server's own come from a register.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from agent_browser.egress.addresses import Address, is_metadata_name, literals, meant, refusal
from agent_browser.egress.own import Own
from agent_browser.egress.rules import Rules
from agent_browser.models.egress import EgressInput, EgressMode

_UNNAMED = "the allow list does not name it"
_DENIED = "the deny list names it"
_NOWHERE = Rules()


@dataclass(frozen=True)
class _Layer:
    """What one of server, profile and session says. A target has to pass each layer."""

    mode: EgressMode
    allow: Rules
    deny: Rules
    is_bound: bool
    """Whether only what `allow` names may be reached."""


@dataclass(frozen=True)
class Policy:
    """An immutable policy. `of` makes the server's; `narrowed` one that allows less, or the same.

    Two decisions are made of each target: on host and port before a look-up, and on each address
    that may be dialled. An answer is the reason for a refusal, or None.
    """

    layers: tuple[_Layer, ...]
    own: Own

    @classmethod
    def of(
        cls,
        mode: EgressMode = "open",
        allow: Iterable[str] = (),
        deny: Iterable[str] = (),
        *,
        own: Own | None = None,
    ) -> Self:
        """The server's. Its allow list bounds what is reached in the mode allowlist alone; in each
        mode what it names may be, or lead to, an inner address. ValueError names a bad rule.
        """
        layer = _Layer(mode, Rules(allow), Rules(deny), mode == "allowlist")
        return cls((layer,), own or Own())

    def narrowed(self, egress: EgressInput | None) -> Self:
        """The same where a profile, or a session, says more: nothing that this one refuses is
        allowed by what comes back. ValueError names a bad rule.
        """
        if egress is None or (
            egress.policy is None and egress.allow is None and egress.deny is None
        ):
            return self
        mode = egress.policy or "open"
        bound = egress.allow is not None or mode == "allowlist"
        if egress.allow is not None:
            allow = Rules(egress.allow)
        elif bound and any(layer.is_bound for layer in self.layers):
            # "What the lists name" of a session without a list: what those above it name.
            bound, allow = False, _NOWHERE
        else:
            allow = self.layers[0].allow if bound else _NOWHERE
        return replace(
            self, layers=(*self.layers, _Layer(mode, allow, Rules(egress.deny or ()), bound))
        )

    @property
    def servers(self) -> Self:
        """The server's part alone, which a proxy's address has to pass."""
        return replace(self, layers=self.layers[:1])

    def refuses_host(self, host: str, port: int, *, is_final: bool = False) -> str | None:
        """Why that host, in its plain form, may not be reached at all. A name that only a rule of
        networks could allow is left to `refuses_address`; with `is_final`, for a host whose address
        is never known here, it is refused.
        """
        found = literals(host)
        for address in found:
            if (why := self.refuses_address(host, port, address)) is None:
                return None
        if found:
            return why
        if is_metadata_name(host):
            return "it is the name of a machine's own metadata"
        for layer in self.layers:
            if layer.deny.names(host, port):
                return _DENIED
            if not layer.is_bound or layer.allow.names(host, port):
                continue
            if is_final or not layer.allow.has_networks:
                return _UNNAMED
        return None

    def refuses_address(self, host: str, port: int, address: Address) -> str | None:
        """Why that address, which the host has, may not be dialled. To be asked of each address
        after `refuses_host` let the host pass.
        """
        if (why := refusal(address, exposed=False)) is not None:
            return why
        if self.own.holds(address, port):
            return "it is a port of this server itself"
        ways = meant(address)
        inner = refusal(address, exposed=True)
        operators = self.layers[0].allow
        is_excepted = inner is not None and (
            operators.names(host, port) or _holds_all(operators, ways, port)
        )
        for layer in self.layers:
            if layer.deny.names(host, port) or any(layer.deny.holds(way, port) for way in ways):
                return _DENIED
            is_held = _holds_all(layer.allow, ways, port)
            if layer.is_bound and not is_held and not layer.allow.names(host, port):
                return _UNNAMED
            if inner is not None and layer.mode != "open" and not is_excepted and not is_held:
                return inner
        return None

    def reaches(self, host: str, port: int, addresses: Iterable[Address]) -> "Reach":
        """The addresses of a look-up that may be dialled, in their order."""
        allowed: list[Address] = []
        reason: str | None = None
        for address in addresses:
            why = self.refuses_address(host, port, address)
            if why is None:
                allowed.append(address)
            else:
                reason = reason or why
        return Reach(tuple(allowed), None if allowed else reason)


@dataclass(frozen=True)
class Reach:
    """`reason` is why there is no address to dial; None where there is one, or none was found."""

    addresses: tuple[Address, ...]
    reason: str | None


def _holds_all(rules: Rules, ways: tuple[Address, ...], port: int) -> bool:
    return rules.has_networks and all(rules.holds(way, port) for way in ways)

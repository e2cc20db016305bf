"""What callers may do: rights, and the roles that have them."""

from collections.abc import Mapping
from typing import Literal, get_args

Right = Literal["watch", "drive", "execute", "recordings", "state", "secrets", "admin"]
"""`watch`: read what is the owner's: sessions, logs, events, artifacts, operations. `drive`: make
sessions and act on them. `execute`: run JavaScript of the caller's in a page. `recordings`: read
and erase videos. `state`: read and put cookies, storage, states and profiles whole. `secrets`: make
and erase named secrets (a driver may type them without it). `admin`: sessions of everybody, keys,
quotas, the audit log, draining.
"""
Role = Literal["viewer", "operator", "admin"]

ALL: frozenset[Right] = frozenset(get_args(Right))
ROLES: Mapping[Role, frozenset[Right]] = {
    "viewer": frozenset({"watch", "recordings"}),
    "operator": ALL - {"admin"},
    "admin": ALL,
}


def role_of(rights: frozenset[Right]) -> Role:
    """The nearest role to these rights, for people to read."""
    if "admin" in rights:
        return "admin"
    return "operator" if "drive" in rights else "viewer"


def granted(role: Role, without: frozenset[Right] = frozenset()) -> frozenset[Right]:
    """The rights of a role, less those that are withheld from one of its keys."""
    return ROLES[role] - without

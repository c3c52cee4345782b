"""Who visits, as far as it is kept: the network an address lies in, and what the visiting program calls itself. Pure."""

from __future__ import annotations

import ipaddress

from mailgate.mail.characters import one_line

MOST_AGENT = 200
"""Characters; browsers take about 120."""

_NETWORKS = {4: 24, 6: 48}
"""Bits of an address that are kept. They tell a scanner's data centre from an office, and no two people of it apart."""


def network_of(address: str) -> str:
    """Return the network that ``address`` lies in, such as ``192.0.2.0/24``; empty if it is no address."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return str(ipaddress.ip_network((found, _NETWORKS[found.version]), strict=False))


def program_of(user_agent: str) -> str:
    """Return what a program calls itself, on one line, every character visible, cut to :data:`MOST_AGENT`."""
    shown = one_line(" ".join(user_agent[: 4 * MOST_AGENT].split()))
    return shown if len(shown) <= MOST_AGENT else f"{shown[: MOST_AGENT - 1]}…"

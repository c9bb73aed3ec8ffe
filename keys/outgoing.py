"""Where a request that we make may go: pure decisions about addresses, before and after a name is resolved.

Against requests forged through a configured or published address (OWASP "Server-Side Request Forgery"): a list of
hosts, never a list of what is bad among names; and each address a name stands for is judged by the IANA special-purpose
registries. Connecting is done in ``keys.fetching``, to the very address that was judged here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from keys.refusal import KeysRefusal

MAX_URL_CHARS = 2048
MAX_ADDRESSES = 16
_PORTS = {"https": 443, "http": 80}
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_URL = re.compile(r"[\x21-\x7e]{1,2048}")

# IANA IPv4 Special-Purpose Address Registry, multicast and reserved space.
_NEVER_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
# Only global unicast is used at all, which leaves out mapped, translated, link-local and local forms by themselves.
_GLOBAL_V6 = IPv6Network("2000::/3")
_NEVER_V6 = tuple(
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)
_PRIVATE = (
    IPv4Network("10.0.0.0/8"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv6Network("fc00::/7"),
)
_LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
# Services of a machine's own host that answer whoever asks, where the ranges above do not name them.
_METADATA = frozenset(ip_address(text) for text in ("168.63.129.16", "fd00:ec2::254", "fd20:ce::254"))

Address = IPv4Address | IPv6Address


class OutgoingRefused(KeysRefusal):
    """A request that is not made. The text says which rule; never the address where it came from outside."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address taken apart. ``path`` begins with a slash and carries the query; ``host`` has no brackets."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port, as lists of hosts name them."""
        return f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port, the port only where it is not the scheme's own (RFC 6454 section 6.1)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _PORTS[self.scheme] else f":{self.port}")


def is_local_name(host: str) -> bool:
    """Whether a name stands for this machine by definition (RFC 6761 section 6.3)."""
    name = host.removesuffix(".")
    return name == "localhost" or name.endswith(".localhost")


def parse_target(url: str, *, is_demo: bool) -> Target:
    """Take an address apart. Raises ``OutgoingRefused`` for all but plain ``https``.

    In the demo ``http`` is taken too, of this machine alone. Elsewhere no address of this machine is taken at all.
    """
    if not isinstance(url, str) or not _URL.fullmatch(url) or "\\" in url:
        raise OutgoingRefused(f"expected an address of at most {MAX_URL_CHARS} visible ASCII characters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise OutgoingRefused("expected an address such as https://sign-in.example/agency") from error
    if parts.scheme not in _PORTS or not url.startswith(f"{parts.scheme}://"):
        raise OutgoingRefused("expected an address that begins with https://")
    if "@" in parts.netloc or "#" in url:
        raise OutgoingRefused("an address carries neither user name nor fragment")
    if port == 0:
        raise OutgoingRefused("port 0 is no port")
    literal = _parse_host(host)
    is_local = is_local_name(host) if literal is None else any(literal in net for net in _LOOPBACK)
    if parts.scheme == "http" and not (is_demo and is_local):
        raise OutgoingRefused("expected an address that begins with https://")
    if is_local and not is_demo:
        raise OutgoingRefused("an address of this machine is for the demo alone")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or _PORTS[parts.scheme], path)


def _parse_host(host: str) -> Address | None:
    """Return the address that a host is written as, or None for a name. Raises ``OutgoingRefused``."""
    try:
        literal = ip_address(host)
    except ValueError:
        literal = None
    if literal is not None:
        if str(literal) != host:
            raise OutgoingRefused("a numeric host is written in its shortest usual form")
        return literal
    labels = host.removesuffix(".").split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise OutgoingRefused("expected a host name of letters, digits, hyphens and dots")
    if labels[-1].isdigit() or re.fullmatch(r"0x[0-9a-f]*", labels[-1]):
        # 2130706433, 0x7f.1 and 0177.0.0.1 are 127.0.0.1 to whoever connects.
        raise OutgoingRefused("a numeric host is written as four decimal numbers, without leading zeros")
    return None


def judge_address(text: str, *, is_private: bool, is_demo: bool) -> Address:
    """Return an address that a name was resolved to, if it may be connected to. Raises ``OutgoingRefused``.

    ``is_private`` lets the agency's own network in (RFC 1918, RFC 4193), the demo this machine as well.
    """
    try:
        address = ip_address(text)
    except ValueError as error:
        raise OutgoingRefused("the host resolves to something that is no address") from error
    if address in _METADATA:
        raise OutgoingRefused("the host resolves to a cloud's own service")
    if is_demo and any(address in net for net in _LOOPBACK):
        return address
    if (is_private or is_demo) and any(address in net for net in _PRIVATE):
        return address
    never = _NEVER_V4 if isinstance(address, IPv4Address) else _NEVER_V6
    if any(address in net for net in never) or (isinstance(address, IPv6Address) and not _is_plain_v6(address)):
        raise OutgoingRefused("the host resolves to an address that is not on the public internet")
    return address


def _is_plain_v6(address: IPv6Address) -> bool:
    return address in _GLOBAL_V6 and address.scope_id is None


@dataclass(frozen=True, slots=True)
class Reach:
    """Where requests of one purpose may go: ``authorities`` are hosts with their ports."""

    authorities: frozenset[str]
    is_private: bool
    is_demo: bool

    def require(self, url: str) -> Target:
        """Return an address that lies on one of the hosts. Raises ``OutgoingRefused``."""
        target = parse_target(url, is_demo=self.is_demo)
        if target.authority not in self.authorities:
            raise OutgoingRefused("the address lies on a host that is not configured")
        return target

    def judge(self, addresses: list[str]) -> tuple[Address, ...]:
        """Return what a host was resolved to, if all of it may be connected to. Raises ``OutgoingRefused``."""
        if not addresses:
            raise OutgoingRefused("the host resolves to no address")
        if len(addresses) > MAX_ADDRESSES:
            raise OutgoingRefused(f"the host resolves to more than {MAX_ADDRESSES} addresses")
        return tuple(judge_address(item, is_private=self.is_private, is_demo=self.is_demo) for item in addresses)

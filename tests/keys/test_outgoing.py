"""Which address may be connected to: what is written in a configuration or a document, and what a name resolves to."""

from __future__ import annotations

import pytest

from keys.outgoing import MAX_ADDRESSES, OutgoingRefused, Reach, judge_address, parse_target

PUBLIC = ("93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c")


def test_an_address_is_taken_apart() -> None:
    target = parse_target("https://sign-in.fern.example/tenant/a?b=c", is_demo=False)
    assert (target.scheme, target.host, target.port) == ("https", "sign-in.fern.example", 443)
    assert (target.path, target.authority) == ("/tenant/a?b=c", "sign-in.fern.example:443")
    assert target.origin == "https://sign-in.fern.example"
    assert parse_target("https://[2606:2800::1]:8443", is_demo=False).origin == "https://[2606:2800::1]:8443"


@pytest.mark.parametrize(
    "url",
    [
        "http://sign-in.fern.example/",
        "ftp://sign-in.fern.example/",
        "file:///etc/passwd",
        "gopher://sign-in.fern.example/",
        "https:sign-in.fern.example",
        "https:///path",
        "HTTPS//x",
        "//sign-in.fern.example/",
        "https://user@sign-in.fern.example/",
        "https://user:word@sign-in.fern.example/",
        "https://sign-in.fern.example/#part",
        "https://sign-in.fern.example\\@other.example/",
        "https://sign-in.fern.example:99999/",
        "https://sign-in.fern.example:0/",
        "https://sign in.fern.example/",
        "https://sign-in.fern.example/\r\nHost: x",
        "https://sign-in.fern.exämple/",
        "https://-fern.example/",
        "https://fern..example/",
        "https://[::1/",
        "https://" + "a" * 2048,
        "",
        None,
    ],
)
def test_what_is_no_plain_address_is_refused(url: str) -> None:
    with pytest.raises(OutgoingRefused):
        parse_target(url, is_demo=False)


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127.1",
        "127.0.1",
        "127.000.000.001",
        "127.0.0.1.",
        "0",
        "1.2.3.4.5",
        "0x",
        "[0:0:0:0:0:ffff:7f00:1]",
        "[2001:0db8::1]",
    ],
)
def test_a_number_in_disguise_is_no_host(host: str) -> None:
    """Whoever connects takes these for 127.0.0.1 or something like it; a name they are not."""
    with pytest.raises(OutgoingRefused, match="numeric host"):
        parse_target(f"https://{host}/", is_demo=False)


def test_plain_http_is_for_this_machine_in_the_demo() -> None:
    for host in ("localhost:8080", "identity.localhost:8080", "127.0.0.1:8080", "[::1]:8080"):
        assert parse_target(f"http://{host}/x", is_demo=True).scheme == "http"
        with pytest.raises(OutgoingRefused, match="https"):
            parse_target(f"http://{host}/x", is_demo=False)
    for host in ("fern.example", "notlocalhost", "10.0.0.1", "localhost.fern.example"):
        with pytest.raises(OutgoingRefused, match="https"):
            parse_target(f"http://{host}/x", is_demo=True)


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_connected_to(text: str) -> None:
    assert str(judge_address(text, is_private=False, is_demo=False)) == text


NEVER = (
    "0.0.0.0",
    "0.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "169.254.169.254",
    "169.254.170.2",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::ffff:93.184.215.14",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "3fff::1",
    "5f00::1",
    "fe80::1",
    "fe80::1%eth0",
    "2606:2800::1%eth0",
    "fec0::1",
    "ff02::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "4000::1",
    "not an address",
    "",
)
PRIVATE = ("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12:3456::1")
LOOPBACK = ("127.0.0.1", "127.8.8.8", "::1")


@pytest.mark.parametrize("text", NEVER)
def test_some_addresses_are_never_connected_to(text: str) -> None:
    """Not even for a provider on the agency's own network, and not in the demo."""
    for is_private in (False, True):
        for is_demo in (False, True):
            with pytest.raises(OutgoingRefused):
                judge_address(text, is_private=is_private, is_demo=is_demo)


@pytest.mark.parametrize("text", PRIVATE)
def test_the_agencys_own_network_has_to_be_configured(text: str) -> None:
    with pytest.raises(OutgoingRefused):
        judge_address(text, is_private=False, is_demo=False)
    assert judge_address(text, is_private=True, is_demo=False)
    assert judge_address(text, is_private=False, is_demo=True)


@pytest.mark.parametrize("text", LOOPBACK)
def test_this_machine_is_for_the_demo_alone(text: str) -> None:
    for is_private in (False, True):
        with pytest.raises(OutgoingRefused):
            judge_address(text, is_private=is_private, is_demo=False)
    assert judge_address(text, is_private=False, is_demo=True)


def test_a_host_that_is_not_configured_is_not_reached() -> None:
    reach = Reach(frozenset({"sign-in.fern.example:443"}), is_private=False, is_demo=False)
    assert reach.require("https://sign-in.fern.example/token").path == "/token"
    for url in (
        "https://other.example/token",
        "https://sign-in.fern.example:8443/token",
        "https://sign-in.fern.example.other.example/token",
        "https://x.sign-in.fern.example/token",
        "https://sign-in.fern.example./token",
    ):
        with pytest.raises(OutgoingRefused, match="not configured"):
            reach.require(url)
    with pytest.raises(OutgoingRefused, match="not configured"):
        Reach(frozenset(), is_private=False, is_demo=False).require("https://sign-in.fern.example/")


def test_one_address_that_may_not_be_refuses_the_name() -> None:
    """A name that stands for a public address and for an inner one is not used for its public one either."""
    reach = Reach(frozenset(), is_private=False, is_demo=False)
    assert len(reach.judge(list(PUBLIC))) == 2
    for addresses in ([], [PUBLIC[0], "10.0.0.1"], ["127.0.0.1", PUBLIC[0]], [PUBLIC[0]] * (MAX_ADDRESSES + 1)):
        with pytest.raises(OutgoingRefused):
            reach.judge(addresses)

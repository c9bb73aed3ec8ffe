"""Where the workspace is served: what the settings may say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.home import Home, HomeRefused
from adapters.workspace.settings import parse_settings, read_settings

PLAIN = {"origin": "https://work.fernshire.example", "bind": "127.0.0.1:8443"}


def parse(environment: str = "production", folder: Path = Path("."), **changed: Any) -> Any:
    return parse_settings({**PLAIN, **changed}, environment=environment, folder=folder)


def test_behind_a_server_that_does_tls() -> None:
    found = parse(fronts=["127.0.0.1", "::1"], threads=4)
    assert (found.netloc, found.relying_party, found.is_https) == ("work.fernshire.example",) * 2 + (True,)
    assert (found.host, found.port, found.fronts, found.threads) == ("127.0.0.1", 8443, ("127.0.0.1", "::1"), 4)


def test_with_tls_of_its_own(tmp_path: Path) -> None:
    for name in ("tls.pem", "tls.key"):
        (tmp_path / name).write_text("x")
    found = parse(folder=tmp_path, bind="[::]:443", certificate="tls.pem", key="tls.key")
    assert (found.host, found.port, found.certificate) == ("::", 443, tmp_path / "tls.pem")


def test_the_demo_may_do_without_tls_on_names_that_lead_nowhere() -> None:
    found = parse("demo", origin="http://fern-care.localhost:8101", bind="127.0.0.1:8101")
    assert (found.netloc, found.relying_party, found.is_https) == (
        "fern-care.localhost:8101",
        "fern-care.localhost",
        False,
    )


@pytest.mark.parametrize(
    ("environment", "changed", "said"),
    [
        ("production", {"origin": "http://work.fernshire.example"}, "expected https"),
        ("production", {"origin": "http://work.localhost:8443"}, "expected https"),
        ("demo", {"origin": "http://work.fernshire.example"}, "expected https"),
        ("demo", {"origin": "http://notlocalhost:1"}, "expected https"),
        ("demo", {"origin": "http://127.0.0.1:8443"}, "origin"),
        ("production", {"origin": "https://192.0.2.1"}, "expected a name"),
        ("production", {"origin": "https://[2001:db8::1]"}, "expected a name"),
        ("production", {"origin": "https://work.example/"}, "nothing after it"),
        ("production", {"origin": "https://work.example/path"}, "nothing after it"),
        ("production", {"origin": "https://user@work.example"}, "nothing after it"),
        ("production", {"origin": "https://WORK.example"}, "origin"),
        ("production", {"origin": "https://work.example:99999"}, "nothing after it"),
        ("production", {"origin": "ftp://work.example"}, "nothing after it"),
        ("production", {"origin": "https://"}, "nothing after it"),
        ("production", {"origin": f"https://{'x' * 400}.example"}, "nothing after it"),
        ("production", {"origin": 1}, "nothing after it"),
        ("production", {"bind": "0.0.0.0:8443"}, "loopback"),
        ("production", {"bind": "work.example:8443"}, "loopback"),
        ("production", {"bind": "127.0.0.1"}, "an address and a port"),
        ("production", {"bind": "127.0.0.1:x"}, "an address and a port"),
        ("production", {"bind": "127.0.0.1:65536"}, "65535"),
        ("production", {"bind": ["x"]}, "an address and a port"),
        ("production", {"certificate": "absent.pem"}, "nothing is there"),
        ("production", {"certificate": 1, "key": 2}, "path of a file"),
        ("production", {"fronts": "127.0.0.1"}, "a list"),
        ("production", {"fronts": ["work.example"]}, "addresses such as"),
        ("production", {"fronts": ["127.0.0.1"] * 9}, "at most 8"),
        ("production", {"threads": 1}, "threads"),
        ("production", {"threads": True}, "threads"),
        ("production", {"threads": 1000}, "threads"),
        ("production", {"other": 1}, "expected origin and bind"),
    ],
)
def test_what_is_refused(environment: str, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse(environment, **changed)


@pytest.mark.parametrize("table", [None, 1, [], {}, {"origin": "https://work.example"}])
def test_what_is_no_table_of_ours_is_refused(table: object) -> None:
    with pytest.raises(ValueError, match="expected origin and bind"):
        parse_settings(table, environment="production", folder=Path())


def test_a_certificate_needs_its_key_and_an_https_origin(tmp_path: Path) -> None:
    (tmp_path / "tls.pem").write_text("x")
    with pytest.raises(ValueError, match="expected both"):
        parse(folder=tmp_path, certificate="tls.pem")
    with pytest.raises(ValueError, match="expected https:// where"):
        parse("demo", tmp_path, origin="http://a.localhost:1", certificate="tls.pem", key="tls.pem")


def test_a_home_says_so_or_serves_none(tmp_path: Path) -> None:
    plain = 'agency = "a-b"\nkind = "health"\nname = "x"\nenvironment = "production"\n'
    path = tmp_path / "adapter.toml"
    path.write_text(plain)
    assert read_settings(Home.load(tmp_path)) is None
    path.write_text(f'{plain}[workspace]\norigin = "https://work.example"\nbind = "127.0.0.1:0"\n')
    found = read_settings(Home.load(tmp_path))
    assert found is not None
    assert found.origin == "https://work.example"
    path.write_text(f'{plain}[workspace]\norigin = "work.example"\n')
    with pytest.raises(HomeRefused, match=r"adapter\.toml: \[workspace\] expected origin and bind"):
        read_settings(Home.load(tmp_path))
    path.write_text(f"{plain}[other]\n")
    with pytest.raises(HomeRefused, match="at most the tables notifications, sign_in, workspace"):
        Home.load(tmp_path)

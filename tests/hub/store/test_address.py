"""Where a hub's database may be: no password in the address, and nothing but a proven server far away."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine

from hub.store.address import MAX_ADDRESS_CHARS, read_address
from hub.store.errors import AddressRefused

SECRET = "invented-word-7731"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("postgresql://hub@db.example/nrm", {"host": "db.example", "port": 5432, "sslmode": "verify-full"}),
        ("postgresql://hub@db.example:6432/nrm", {"port": 6432, "sslrootcert": "system", "user": "hub"}),
        ("postgresql://hub@192.0.2.7/nrm", {"host": "192.0.2.7", "sslmode": "verify-full"}),
        ("postgresql://hub@[2001:db8::1]/nrm", {"host": "2001:db8::1", "sslmode": "verify-full"}),
        (
            "postgresql://hub@db.example/nrm?sslrootcert=/etc/nrm/ca.pem",
            {"sslmode": "verify-full", "sslrootcert": "/etc/nrm/ca.pem", "gssencmode": "disable"},
        ),
        ("postgresql://hub@db.example/nrm?sslmode=verify-full", {"sslmode": "verify-full", "sslrootcert": "system"}),
        ("postgresql://hub@127.0.0.1/nrm", {"sslmode": "prefer", "dbname": "nrm"}),
        ("postgresql://hub@[::1]/nrm", {"sslmode": "prefer"}),
        ("postgresql://hub@localhost/nrm", {"sslmode": "prefer"}),
        ("postgresql://hub@localhost/nrm?sslrootcert=/etc/ca.pem", {"sslmode": "verify-full"}),
        ("postgresql://hub@/nrm?host=/run/postgresql", {"host": "/run/postgresql", "sslmode": "prefer"}),
        # What looks like this machine and is another.
        ("postgresql://hub@localhost.example/nrm", {"sslmode": "verify-full"}),
        ("postgresql://hub@127.0.0.1.example/nrm", {"sslmode": "verify-full"}),
    ],
)
def test_a_server_far_away_is_always_proven(address: str, expected: dict[str, object]) -> None:
    settings = read_address(address).connection()
    assert settings | expected == settings
    assert settings["target_session_attrs"] == "read-write"
    assert "password" not in settings


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (f"postgresql://hub:{SECRET}@db.example/nrm", "password never stands"),
        (f"postgresql://hub@db.example/nrm?password={SECRET}", "no setting but"),
        (f"postgresql://hub@db.example/nrm?passfile=/{SECRET}", "no setting but"),
        ("postgresql://hub@db.example/nrm?sslmode=require", "expected verify-full"),
        ("postgresql://hub@db.example/nrm?sslmode=disable", "expected verify-full"),
        ("postgresql://hub@127.0.0.1/nrm?sslmode=disable", "expected verify-full"),
        ("postgresql://hub@db.example/nrm?sslrootcert=ca.pem", "whole path"),
        ("postgresql://hub@db.example/nrm?sslrootcert=/a.pem&sslrootcert=/b.pem", "twice"),
        ("postgresql://hub@db.example/nrm?options=-csearch_path=other", "no setting but"),
        ("postgresql://hub@db.example/nrm?service=other", "no setting but"),
        ("postgresql://hub@db.example/nrm?host=/run/postgresql", "got both"),
        ("postgresql://hub@/nrm?host=db.example", "whole path of the folder"),
        ("postgresql://hub@/nrm?host=/run/../tmp", "whole path of the folder"),
        ("postgresql://hub@/nrm", "name or address of one server"),
        ("postgresql://hub@one.example,two.example/nrm", "name or address of one server"),
        ("postgresql://db.example/nrm", "the user has"),
        ("postgresql://hub@db.example/", "the database's name has"),
        ("postgresql://hub@db.example", "the database's name has"),
        ("postgresql://hub@db.example:0/nrm", "port"),
        ("postgresql://hub@db.example:70000/nrm", "port"),
        ("postgresql://hub@db.example:x/nrm", "got something else"),
        ('postgresql://hub@db.example/nrm"\nissuer = "x', "a character"),
        ("postgresql+psycopg://hub@db.example/nrm", "begins with"),
        ("mysql://hub@db.example/nrm", "begins with"),
        ("hub.db", "begins with"),
        ("sqlite://", "is a file"),
        ("sqlite:///:memory:", "is a file"),
        ("postgresql://hub@db.example/" + "n" * MAX_ADDRESS_CHARS, "at most"),
    ],
)
def test_an_address_that_is_none_or_says_too_much_is_refused(address: str, said: str) -> None:
    """And never repeated: it could hold a password in the wrong place."""
    with pytest.raises(AddressRefused, match=said) as refused:
        read_address(address)
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_file_is_taken_as_it_is() -> None:
    address = read_address("sqlite:////var/lib/nrm/hub.db")
    assert (address.is_sqlite, address.path) == (True, "/var/lib/nrm/hub.db")
    assert create_engine(address.text).url.database == address.path

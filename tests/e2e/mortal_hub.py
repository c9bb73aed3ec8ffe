"""A hub that dies by kill -9 at a chosen step: ``python -m tests.e2e.mortal_hub`` with the arguments of ``nrm-hub``.

The file ``die-at`` in the hub's folder names the step and after how many requests to which path's end it comes; without
the file it is the hub as it is. Steps: ``before-commit``, ``after-commit``, ``mid-answer``.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import hub.serving
from hub.cli import main
from hub.store.database import Database

HOME = Path(sys.argv[sys.argv.index("--home") + 1])
MASTER = os.getpid()
"""This module is read in the process that was started; workers are its children and keep the number."""
_request = threading.local()


def reached(step: str) -> None:
    """Die here if this step of this request was chosen."""
    try:
        wanted, end = (HOME / "die-at").read_text().split()
    except FileNotFoundError:
        return
    if step == wanted and getattr(_request, "path", "").endswith(end):
        (HOME / "die-at").unlink()
        # The whole hub: the process that was started, which would make another worker, and this worker.
        os.kill(MASTER, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


def install() -> None:
    """Put the steps into this process, before any worker is forked."""
    create_app = hub.serving.create_app

    def mortal(write: Callable[[Database], AbstractContextManager[Any]]) -> Callable[[Database], Any]:
        @contextmanager
        def mortal_write(self: Database) -> Iterator[Any]:
            with write(self) as session:
                yield session
                session.flush()
                reached("before-commit")
            reached("after-commit")

        return mortal_write

    def mortal_app(services: Any, **options: Any) -> Any:
        app = create_app(services, **options)
        inner: Callable[..., Iterable[bytes]] = app.wsgi_app

        def answer(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
            _request.path = environ["PATH_INFO"]
            answered: Any = inner(environ, start_response)
            try:
                for number, chunk in enumerate(answered):
                    yield chunk
                    if number == 0:
                        reached("mid-answer")
            finally:
                # As the server does (PEP 3333): what a request holds is given back then.
                getattr(answered, "close", lambda: None)()

        app.wsgi_app = answer
        return app

    Database.write = mortal(Database.write)  # type: ignore[method-assign]
    Database.act = mortal(Database.act)  # type: ignore[method-assign]
    hub.serving.create_app = mortal_app


if __name__ == "__main__":
    install()
    main()

"""Run a hub with gunicorn: on SQLite one process with threads, held by a file lock."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from hub.app import create_app
from hub.config import Config, ConfigRefused
from hub.services import open_services

LOCK_NAME = "hub.lock"
GRACEFUL_SECONDS = 10


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    def __init__(self, config: Config, passphrase: str, options: dict[str, Any]) -> None:
        self._config, self._passphrase, self._options = config, passphrase, options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        # In the worker: no database connection is ever shared between processes.
        return create_app(open_services(self._config, self._passphrase))


def run(config: Config, passphrase: str, *, bind: str, threads: int) -> None:
    """Serve until stopped. Raises ``ConfigRefused`` where another process serves this hub already."""
    lock = _lock(config.home / LOCK_NAME)
    try:
        open_services(config, passphrase).database.close()
        _Server(
            config,
            passphrase,
            {
                "bind": bind,
                "workers": 1,
                "threads": threads,
                "worker_class": "gthread",
                "graceful_timeout": GRACEFUL_SECONDS,
                # Paths hold opaque ids only; bodies and headers are never logged.
                "accesslog": None,
                "errorlog": "-",
                "loglevel": "warning",
                "limit_request_line": 4094,
                "limit_request_fields": 50,
                "proc_name": "nrm-hub",
            },
        ).run()
    finally:
        lock.close()


def _lock(path: Path) -> Any:
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise ConfigRefused(f"another process serves this hub already (it holds {path.name})") from error
    return file

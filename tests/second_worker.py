"""A second process of a hub: its application on the same folder, on another port, without beginning anew.

Run as ``python -m tests.second_worker HOME PORT``; the passphrase is NRM_HUB_PASSPHRASE.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from werkzeug.serving import make_server

from hub.app import create_app
from hub.config import Config
from hub.services import open_services


def main(home: str, port: str) -> None:
    """Serve until killed; say so on standard output."""
    services = open_services(Config.load(Path(home)), os.environ["NRM_HUB_PASSPHRASE"])
    server = make_server("127.0.0.1", int(port), create_app(services), threaded=True)
    sys.stdout.write("serving\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])

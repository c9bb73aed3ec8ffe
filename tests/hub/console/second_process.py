"""Another process of a hub with a console: ``python -m tests.hub.console.second_process HUB_HOME``."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from werkzeug.serving import make_server

from hub.app import create_app
from hub.auth.authorization import Authorization
from hub.config import Config
from hub.exchange.bundle_changes import BundleCache
from hub.exchange.standing import DirectoryCache
from hub.services import SIGN_IN_KEY, Services
from hub.store.database import Database
from hub.store.moment import Moment
from keys.custody.keyfile import KeyFile, generate_storage
from keys.private import PrivateKey
from tests.hub.console.desk import provider
from tests.scene import now


def main(home: Path) -> None:
    """Serve until it is ended; say the address first. Its log and token keys are its own: pages use neither."""
    config = replace(Config.load(home), providers=(provider(),))
    database, directory, moment = Database(config.database_url), DirectoryCache(), Moment(config.database_url)
    moment.open(anew=False)
    key = PrivateKey.generate("Ed25519")
    services = Services(
        config=config,
        database=database,
        directory=directory,
        bundles=BundleCache(),
        authorization=Authorization(config.issuer, key, database, directory, now, moment=moment),
        log_key=key,
        clock=now,
        moment=moment,
        custody=KeyFile({SIGN_IN_KEY: PrivateKey.generate("ES256")}, generate_storage()),
    )
    server = make_server("127.0.0.1", 0, create_app(services), threaded=True)
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

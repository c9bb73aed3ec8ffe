"""Where the demo's identity provider may run: beside the demo's own hub and adapters, for them alone.

It does not rest on what its own configuration says of itself. The sites that it signs people in to are read from their
own settings in its folder, where ``environment`` is what the hub and the adapters themselves go by.
"""

from __future__ import annotations

import ipaddress
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

MAX_SETTINGS_BYTES = 256 * 1024
MAX_SITES = 64
_SETTINGS = ("hub.toml", "adapter.toml")


class DemoOnly(Exception):
    """This provider was asked to run as if it were real."""


def require_local(url: object, what: str) -> str:
    """Return the origin of an address of this machine. Raises ``DemoOnly``."""
    try:
        parts = urlsplit(str(url))
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise DemoOnly(f"{what}: expected an address of this machine") from None
    if parts.scheme != "http" or not is_this_machine(host) or parts.username is not None:
        raise DemoOnly(f"{what}: expected an address of this machine, such as http://identity.localhost:8085")
    return f"{parts.scheme}://{parts.netloc}"


def is_this_machine(host: str) -> bool:
    """Whether a host is this machine by definition: a name under ``localhost``, or a loopback address."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_demo_folder(folder: Path, config: Mapping[str, Any]) -> None:
    """Raise ``DemoOnly`` unless the hub and adapters in a folder are the demo's, and every client is one of them.

    ``folder`` is where the provider's own configuration lies, the demo's; the sites are the folders in it.
    """
    found = sorted(path for name in _SETTINGS for path in folder.glob(f"*/{name}"))
    if not found:
        raise DemoOnly("there is neither a hub nor an adapter of a demo beside its configuration")
    if len(found) > MAX_SITES:
        raise DemoOnly(
            f"there are more than {MAX_SITES} hubs and adapters beside its configuration; no demo has so many"
        )
    origins = {origin for path in found for origin in _origins(path)}
    for item in config["issuers"].values():
        for client in item["clients"]:
            for uri in client["redirect_uris"]:
                if require_local(uri, "redirect_uris") not in origins:
                    raise DemoOnly("redirect_uris: expected addresses of the demo's own hub and adapters")


def _origins(path: Path) -> list[str]:
    """Return where a site's people find it. Raises ``DemoOnly`` unless its own settings say that it is a demo."""
    with path.open("rb") as file:
        data = file.read(MAX_SETTINGS_BYTES + 1)
    try:
        said = tomllib.loads(data.decode("utf-8")) if len(data) <= MAX_SETTINGS_BYTES else {}
    except ValueError:
        said = {}
    # Missing says production, as it does to the hub.
    if said.get("environment") != "demo":
        raise DemoOnly(
            f"{path.parent.name}/{path.name} does not say that it is a demo: nobody signs in there with this"
        )
    workspace = said.get("workspace")
    listed = [said.get("issuer"), workspace.get("origin") if isinstance(workspace, dict) else None]
    return [require_local(item, f"{path.parent.name}/{path.name}") for item in listed if item is not None]

"""TLS in front of a PostgreSQL server that was built without it: answers the request for TLS, then passes bytes on."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path

SSL_REQUEST = bytes.fromhex("00000008 04d2162f")
"""What a client sends first that wants TLS (PostgreSQL's protocol, "SSL Session Encryption")."""


class TlsFront:
    """Listens on a loopback port until it is closed. ``taken`` counts handshakes that a client completed."""

    def __init__(self, certificate: Path, key: Path, behind: int) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._behind = behind
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self.taken = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take nobody more."""
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with suppress(OSError), plain:
            if plain.recv(8, socket.MSG_WAITALL) != SSL_REQUEST:
                return
            plain.sendall(b"S")
            with (
                self._context.wrap_socket(plain, server_side=True) as client,
                socket.create_connection(("127.0.0.1", self._behind)) as server,
            ):
                self.taken += 1
                back = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
                back.start()
                _pass_on(client, server)
                back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)

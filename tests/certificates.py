"""A certificate of a test's own, for a server on this machine."""

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

from containers import engine


@dataclass(frozen=True)
class Certificate:
    """Signed by itself, for `localhost` and 127.0.0.1; the file of it is also whom to trust."""

    file: Path
    key: Path

    def server(self) -> ssl.SSLContext:
        """How a server shows it."""
        made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        made.load_cert_chain(self.file, self.key)
        return made


def make(folder: Path) -> Certificate:
    """Make one in a folder."""
    openssl = shutil.which("openssl") or engine.absent("openssl is not installed")
    made = Certificate(folder / "server.pem", folder / "server.key")
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:TRUE"]
    command += ["-out", str(made.file), "-keyout", str(made.key)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return made

"""TLS to a receiver as `tls_config` says: whom to trust, and as whom to come."""

import contextlib
import functools
import ssl
import tempfile
from collections.abc import Iterator

from alerting.receivers import Tls

VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}


class _Context(ssl.SSLContext):
    """One that looks for a name of its own in a certificate, through whatever proxy and library it is used.

    Whoever opens the connection gives the name of the host that it asks for, and some let nobody say another.
    """

    server_name: str | None = None

    def wrap_bio(
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, server_side: bool = False,
        server_hostname: str | bytes | None = None, session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:  # fmt: skip
        """Begin a connection."""
        return super().wrap_bio(incoming, outgoing, server_side, self.server_name or server_hostname, session)


@contextlib.contextmanager
def _file(text: str) -> Iterator[str]:
    """Put a text where OpenSSL reads it, which takes files alone; nobody else can, and it is gone at once."""
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(text)
        file.flush()
        yield file.name


@functools.lru_cache(maxsize=256)
def context(tls: Tls) -> ssl.SSLContext:
    """Make a client's context; raises `OSError` (`ssl.SSLError` among them) when a file cannot be used."""
    made = _Context(ssl.PROTOCOL_TLS_CLIENT)
    made.server_name = tls.server_name
    if tls.ca or tls.ca_file:
        made.load_verify_locations(cafile=tls.ca_file, cadata=tls.ca)
    else:
        made.load_default_certs()
    with contextlib.ExitStack() as files:
        cert = tls.cert_file if tls.cert is None else files.enter_context(_file(tls.cert))
        key = tls.key_file if tls.key is None else files.enter_context(_file(tls.key.reveal()))
        if cert is not None:
            made.load_cert_chain(cert, key)
    if tls.insecure_skip_verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if tls.min_version is not None:
        made.minimum_version = VERSIONS[tls.min_version]
    if tls.max_version is not None:
        made.maximum_version = VERSIONS[tls.max_version]
    return made

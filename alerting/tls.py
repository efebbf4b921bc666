"""TLS to a receiver as `tls_config` says: whom to trust, and as whom to come."""

import functools
import ssl

from alerting.receivers import Tls

VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}


@functools.lru_cache(maxsize=256)
def context(tls: Tls) -> ssl.SSLContext:
    """Make a client's context; raises `OSError` (`ssl.SSLError` among them) when a file cannot be used."""
    made = ssl.create_default_context(cafile=tls.ca_file, cadata=tls.ca)
    if tls.cert_file is not None:
        made.load_cert_chain(tls.cert_file, tls.key_file)
    if tls.insecure_skip_verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if tls.min_version is not None:
        made.minimum_version = VERSIONS[tls.min_version]
    if tls.max_version is not None:
        made.maximum_version = VERSIONS[tls.max_version]
    return made

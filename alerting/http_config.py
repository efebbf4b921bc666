"""Makes of `http_config` and `tls_config` how to reach a receiver, as whom, and through which proxy."""

import base64
import re
from collections.abc import Iterator

from alerting import tls
from alerting.channel_sections import HttpSection, OAuth2Section, ProxySection, TlsSection
from alerting.documents import Document, Place
from alerting.receivers import Http, OAuth2, Proxy, Secret, Tls
from alerting.secret_files import SecretFiles

HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
_PROXY = re.compile(r"(?:https?|socks5h?)://[^/\s]+/?$")
URL = re.compile(r"https?://[^/\s]+\S*$")
_FIXED = frozenset({
    "accept-encoding", "authorization", "connection", "content-encoding", "content-length", "content-type", "host",
    "keep-alive", "proxy-authenticate", "proxy-authorization", "transfer-encoding", "www-authenticate",
})  # fmt: skip
"""Headers of a request that `http_headers` cannot set."""
_WAYS = ("basic_auth", "authorization", "oauth2", "bearer_token", "bearer_token_file")
"""To log in."""
_OF_FORM = frozenset({"client_id", "client_secret", "scope"})
"""What is asked for a token by keys of its own."""


class HttpConfigs:
    """Reads those of one document."""

    def __init__(self, document: Document, secrets: SecretFiles) -> None:
        self._document = document
        self._secrets = secrets

    def http(self, section: HttpSection, where: Place) -> Http:
        """Say how to reach a receiver; raises `ConfigError`, and `SecretMissing`."""
        return Http(
            authorization=self._authorization(section, where), oauth2=self._oauth2(section.oauth2, (*where, "oauth2")),
            headers=tuple(self._headers(section, where)), tls=self.tls(section.tls_config, (*where, "tls_config")),
            proxy=self._proxy(section, where), follow_redirects=section.follow_redirects,
        )  # fmt: skip

    def tls(self, section: TlsSection | None, path: Place) -> Tls | None:
        """Say whom to trust; its files have to be there and usable. Raises `ConfigError`."""
        if section is None:
            return None
        files = {}
        for key in ("ca_file", "cert_file", "key_file"):
            file: str | None = getattr(section, key)
            files[key] = None if file is None else str(self._secrets.place(file))
        for key in ("ca", "cert", "key"):
            if getattr(section, key) and files[f"{key}_file"]:
                raise self._document.error((*path, f"{key}_file"), f"there is {key} already", "one of them is enough")
        if (section.key or section.key_file) and not (section.cert or section.cert_file):
            raise self._document.error(path, "a key without its certificate", "such as cert_file: client.pem")
        made = Tls(
            **files, ca=section.ca or None, cert=section.cert or None, key=Secret(section.key) if section.key else None,
            server_name=section.server_name or None,
            insecure_skip_verify=section.insecure_skip_verify, min_version=section.min_version,
            max_version=section.max_version,
        )  # fmt: skip
        try:
            tls.context(made)
        except OSError as error:
            named = ", ".join(file for file in files.values() if file)
            raise self._document.error(path, f"cannot be used: {error.strerror or error.args[-1]}", named) from None
        except ValueError as error:
            raise self._document.error(path, f"cannot be used: {error}") from None
        return made

    def _proxy(self, section: ProxySection, where: Place) -> Proxy | None:
        """Through which proxy, as Alertmanager combines the four keys."""
        if section.proxy_url and _PROXY.match(section.proxy_url) is None:
            raise self._document.error((*where, "proxy_url"), "is no proxy", "such as http://proxy.example.com:3128")
        if section.proxy_from_environment:
            for key in ("proxy_url", "no_proxy"):
                if getattr(section, key):
                    raise self._document.error((*where, key), "there is proxy_from_environment", "one is enough")
        elif not section.proxy_url:
            for key in ("no_proxy", "proxy_connect_header"):
                if getattr(section, key):
                    hint = "such as proxy_url: http://proxy.example.com:3128"
                    raise self._document.error((*where, key), "without a proxy", hint)
            return None
        return Proxy(
            url=Secret(section.proxy_url) if section.proxy_url else None, no_proxy=section.no_proxy,
            connect_header=tuple(self._connect_header(section, where)),
        )  # fmt: skip

    def _connect_header(self, section: ProxySection, where: Place) -> Iterator[tuple[str, Secret]]:
        for name, values in section.proxy_connect_header.items():
            path = (*where, "proxy_connect_header", name)
            self._named(name, path)
            if values:
                yield name.lower(), self._line(values, path)

    def _headers(self, section: HttpSection, path: Place) -> Iterator[tuple[str, Secret]]:
        for name, said in section.http_headers.items():
            where = (*path, "http_headers", name)
            self._named(name, where)
            if name.lower() in _FIXED:
                raise self._document.error(where, "is the program's own header", "leave it out")
            read = [self._secrets.read(None, file, where, "files") for file in said.files]
            if None in read:
                raise self._document.error(where, f"no such file: {said.files[read.index(None)]}")
            values = [*said.values, *said.secrets, *(one.reveal() for one in read if one is not None)]
            if values:
                yield name.lower(), self._line(values, where)

    def _named(self, name: str, path: Place) -> None:
        if HEADER.fullmatch(name) is None:
            raise self._document.error(path, "is no name of a header", "such as X-Team")

    def _line(self, values: list[str], path: Place) -> Secret:
        """Several values of one header, in one line (RFC 9110, 5.3)."""
        if not all(value.isascii() and value.isprintable() for value in values):
            raise self._document.error(path, "the value of a header is one line of ASCII")
        return Secret(", ".join(values))

    def _authorization(self, section: HttpSection, where: Place) -> Secret | None:
        """The header with which to log in at a receiver; None when it wants none, or a token that is asked for."""
        ways = [key for key in _WAYS if getattr(section, key)]
        if len(ways) > 1:
            raise self._document.error((*where, ways[1]), f"there is {ways[0]} already", "one of them is enough")
        if section.basic_auth is not None:
            own = section.basic_auth
            user = self._secrets.asked(own.username, own.username_file, (*where, "basic_auth"), "username")
            password = self._secrets.asked(own.password, own.password_file, (*where, "basic_auth"), "password")
            pair = f"{user.reveal() if user else ''}:{password.reveal() if password else ''}"
            return Secret("Basic " + base64.b64encode(pair.encode()).decode())
        if section.authorization is not None:
            said = section.authorization
            if said.type.lower() == "basic":
                raise self._document.error((*where, "authorization", "type"), "must not be Basic", "use basic_auth")
            found = self._secrets.asked(
                said.credentials, said.credentials_file, (*where, "authorization"), "credentials"
            )
            return None if found is None else Secret(f"{said.type} {found.reveal()}")
        token = self._secrets.asked(section.bearer_token, section.bearer_token_file, where, "bearer_token")
        return None if token is None else Secret(f"Bearer {token.reveal()}")

    def _oauth2(self, section: OAuth2Section | None, where: Place) -> OAuth2 | None:
        """Where to ask for tokens, and as whom."""
        if section is None:
            return None
        if URL.match(section.token_url) is None:
            hint = "such as https://login.example.com/oauth2/token"
            raise self._document.error((*where, "token_url"), "is no URL", hint)
        secret = self._secrets.asked(section.client_secret, section.client_secret_file, where, "client_secret")
        for name in section.endpoint_params:
            if name in _OF_FORM and (name != "scope" or section.scopes):
                hint = f"leave it out: {name if name != 'scope' else 'scopes'} says it"
                raise self._document.error((*where, "endpoint_params", name), "is asked for already", hint)
        return OAuth2(
            client_id=section.client_id, client_secret=secret or Secret(""), token_url=Secret(section.token_url),
            scopes=tuple(section.scopes),
            params=tuple((name, Secret(value)) for name, value in section.endpoint_params.items()),
            tls=self.tls(section.tls_config, (*where, "tls_config")), proxy=self._proxy(section, where),
        )  # fmt: skip

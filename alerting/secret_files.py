"""Secrets of a configuration: written in it, or in files beside it."""

from pathlib import Path

from alerting.documents import Document, Place
from alerting.receivers import Secret

_LIMIT = 64 * 1024


class SecretMissing(Exception):  # noqa: N818 - what there is not, rather than what is wrong
    """A secret that was asked for lies nowhere yet: its channel is off. The text says what would give it."""


class SecretFiles:
    """Reads the secrets of one document."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def read(self, value: str | None, file: str | None, path: Place, key: str) -> Secret | None:
        """Give a secret as it is written or in its file; None when that file is not there. Raises `ConfigError`."""
        if value and file:
            raise self._document.error((*path, f"{key}_file"), f"there is {key} already", "one of them is enough")
        if value:
            return Secret(value)
        if not file:
            return None
        try:
            with self.place(file).open("rb") as source:
                text = source.read(_LIMIT).decode().strip()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise self._document.error((*path, f"{key}_file"), f"cannot be read: {type(error).__name__}") from None
        return Secret(text) if text else None

    def asked(self, value: str | None, file: str | None, path: Place, key: str) -> Secret | None:
        """Give a secret as `read` does, where nothing may be sent without it; raises `SecretMissing` as well."""
        found = self.read(value, file, path, key)
        if file and found is None:
            raise SecretMissing(f"no {key} in {file}")
        return found

    def place(self, file: str) -> Path:
        """Say where a file lies: beside the configuration, unless its path is whole."""
        return Path(self._document.file).parent / file

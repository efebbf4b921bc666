"""The words of channels that have some of their own, in Go's template language: compiled when they are read.

A shape is what a channel sends with `Words` in the places of texts; `notify.words` fills it in. A channel without words
of its own speaks in those of the runbook.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from alerting.channel_sections import EmailSection, PagerDutySection, SlackSection
from alerting.documents import ConfigError, Document, Place
from alerting.go import library
from alerting.go.library import Library, Words
from alerting.go.scan import GoError

Shape = Words | Mapping[str, Any] | Sequence[Any] | bool | int | float | None
"""Nested as what is sent."""

_FILES_LIMIT = 100
_ATTACHMENT = (
    "title",
    "title_link",
    "pretext",
    "text",
    "fallback",
    "callback_id",
    "image_url",
    "thumb_url",
    "footer",
    "color",
)
_OF_SLACK = (*_ATTACHMENT, "message_text", "icon_url", "fields", "actions")
_EVENT = (
    "client",
    "client_url",
    "description",
    "details",
    "images",
    "links",
    "source",
    "severity",
    "class",
    "component",
    "group",
)
_DEFAULT = {
    "title": "slack.default.title", "title_link": "slack.default.titlelink", "pretext": "slack.default.pretext",
    "text": "slack.default.text", "fallback": "slack.default.fallback", "callback_id": "slack.default.callbackid",
    "footer": "slack.default.footer", "color": "slack.default.color",
}  # fmt: skip
"""What Alertmanager says in Slack where nothing else is said."""


def read_library(document: Document, globs: Sequence[str]) -> Library:
    """Read the files that `templates` names, beside the configuration; raises `ConfigError`."""
    made = library.defaults()
    folder = Path(document.file).parent
    for index, glob in enumerate(globs):
        whole = Path(glob).is_absolute()
        base = Path(Path(glob).anchor) if whole else folder
        try:
            files = sorted(base.glob(str(Path(glob).relative_to(base)) if whole else glob))[: _FILES_LIMIT + 1]
        except (ValueError, NotImplementedError) as error:
            raise document.error(("templates", index), f"{glob!r} is no pattern: {error}") from None
        if len(files) > _FILES_LIMIT:
            raise document.error(("templates", index), f"{glob!r} names more than {_FILES_LIMIT} files")
        for file in files:
            made = _with(made, document, file)
    return made


def _with(made: Library, document: Document, file: Path) -> Library:
    try:
        with file.open("rb") as source:
            return made.having(source.read(library.SIZE_LIMIT + 1).decode())
    except GoError as error:
        said = str(error)
        line, _, what = said.removeprefix("line ").partition(": ") if said.startswith("line ") else ("1", "", said)
        raise ConfigError(str(file), int(line), "", f"is no template: {what}", "Go's text/template") from None
    except (OSError, UnicodeDecodeError) as error:
        raise document.error(("templates",), f"{file} cannot be read: {type(error).__name__}") from None


class Wording:
    """Compiles the words of one document's channels."""

    def __init__(self, document: Document, known: Library) -> None:
        self._document = document
        self._library = known

    def words(self, text: str, path: Place) -> Words:
        """Compile a text; raises `ConfigError`."""
        try:
            return self._library.words(text)
        except GoError as error:
            raise self._document.error(path, f"is no template: {error}", "Go's text/template") from None

    def own(self, text: str | None, path: Place) -> Words | None:
        """Compile a text that has something to fill in; None where it has not."""
        return self.words(text, path) if text and "{{" in text else None

    def slack(self, section: SlackSection, path: Place) -> Mapping[str, Shape] | None:
        """What a channel of Slack says; None in the words of the runbook."""
        said = msgspec.structs.asdict(section)
        named = {key: self.own(said[key], (*path, key)) for key in ("channel", "username", "icon_emoji")}
        made: dict[str, Shape] = {"named": {key: words for key, words in named.items() if words is not None}}
        if not any(said[key] for key in _OF_SLACK):
            return made if made["named"] else None
        texts = {key: said[key] or self._default(key) for key in _ATTACHMENT}
        attachment: dict[str, Shape] = {key: self.words(text, (*path, key)) for key, text in texts.items() if text}
        attachment["fields"] = [
            {
                "title": self.words(one.title, (*path, "fields", at)),
                "value": self.words(one.value, (*path, "fields", at)),
                "short": section.short_fields if one.short is None else one.short,
            }
            for at, one in enumerate(section.fields)
        ]
        attachment["actions"] = [
            self._shape(msgspec.to_builtins(one), (*path, "actions", at)) for at, one in enumerate(section.actions)
        ]
        made["attachment"] = attachment
        for key in ("message_text", "icon_url"):
            made[key] = self.words(said[key], (*path, key)) if said[key] else None
        attachment["mrkdwn_in"] = list(section.mrkdwn_in or ("fallback", "pretext", "text"))
        made["link_names"] = section.link_names
        return made

    def pagerduty(self, section: PagerDutySection, path: Place) -> Mapping[str, Shape] | None:
        """What an event to PagerDuty says besides, or instead of, the words of the runbook."""
        said = {known.encode_name: getattr(section, known.name) for known in msgspec.structs.fields(section)}
        found = {key: self._shape(msgspec.to_builtins(said[key]), (*path, key)) for key in _EVENT if said[key]}
        return found or None

    def email(self, section: EmailSection, sender: str, path: Place) -> Mapping[str, Words] | None:
        """The parts of a mail that are not in the words of the runbook, and who sends and gets it by templates."""
        texts = {"html": section.html, "text": section.text}
        texts |= {key: said for key, said in (("to", section.to), ("from", sender)) if "{{" in said}
        texts["subject"] = next((text for name, text in section.headers.items() if name.lower() == "subject"), None)
        places: dict[str, Place] = {"subject": (*path, "headers", "Subject")}
        found = {key: self.words(text, places.get(key, (*path, key))) for key, text in texts.items() if text}
        return found or None

    def _default(self, key: str) -> str:
        name = _DEFAULT.get(key)
        return f'{{{{ template "{name}" . }}}}' if name else ""

    def _shape(self, value: Any, path: Place) -> Shape:
        if isinstance(value, str):
            return self.words(value, path)
        if isinstance(value, dict):
            return {key: self._shape(one, (*path, key)) for key, one in value.items() if one is not None}
        return [self._shape(one, (*path, at)) for at, one in enumerate(value)] if isinstance(value, list) else value

"""What a template sees: Alertmanager's `Data`, made of its webhook's payload, which says the same."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from alerting.go.times import Time


class Strings(list[str]):
    """A list of texts."""

    def Join(self, separator: str) -> str:  # noqa: N802 - as templates call it
        """All of them, with something between."""
        return separator.join(self)


@dataclass(frozen=True, slots=True)
class Pair:
    """A label or an annotation."""

    Name: str
    Value: str


class Pairs(list[Pair]):
    """Labels or annotations in order."""

    def Names(self) -> Strings:  # noqa: N802 - as templates call it
        """Their names."""
        return Strings(one.Name for one in self)

    def Values(self) -> Strings:  # noqa: N802 - as templates call it
        """Their values."""
        return Strings(one.Value for one in self)

    def __str__(self) -> str:
        return ", ".join(f"{one.Name}={one.Value}" for one in self)


class KV(dict[str, str]):
    """Labels or annotations; one that is not there is empty."""

    def SortedPairs(self) -> Pairs:  # noqa: N802 - as templates call it
        """In order, the alert's name first."""
        return Pairs(Pair(name, self[name]) for name in sorted(self, key=lambda name: (name != "alertname", name)))

    def Remove(self, names: Iterable[str]) -> "KV":  # noqa: N802 - as templates call it
        """Without some of them."""
        gone = set(names)
        return KV({name: value for name, value in self.items() if name not in gone})

    def Names(self) -> Strings:  # noqa: N802 - as templates call it
        """Their names."""
        return self.SortedPairs().Names()

    def Values(self) -> Strings:  # noqa: N802 - as templates call it
        """Their values."""
        return self.SortedPairs().Values()

    def __str__(self) -> str:
        return str(self.SortedPairs())


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert."""

    Status: str
    Labels: KV
    Annotations: KV
    StartsAt: Time
    EndsAt: Time
    GeneratorURL: str
    Fingerprint: str


class Alerts(list[Alert]):
    """Alerts."""

    def Firing(self) -> "Alerts":  # noqa: N802 - as templates call it
        """Those that fire."""
        return Alerts(one for one in self if one.Status == "firing")

    def Resolved(self) -> "Alerts":  # noqa: N802 - as templates call it
        """Those that are over."""
        return Alerts(one for one in self if one.Status == "resolved")


@dataclass(frozen=True, slots=True)
class Data:
    """What is to be told."""

    Receiver: str
    Status: str
    Alerts: Alerts
    GroupLabels: KV
    CommonLabels: KV
    CommonAnnotations: KV
    ExternalURL: str
    NotificationReason: str = ""


def of_payload(payload: Mapping[str, Any], reason: str = "") -> Data:
    """Make it of a webhook's payload."""
    return Data(
        Receiver=payload["receiver"], Status=payload["status"], NotificationReason=reason,
        Alerts=Alerts(
            Alert(
                one["status"], KV(one["labels"]), KV(one["annotations"]), Time.parse(one["startsAt"]),
                Time.parse(one["endsAt"]), one["generatorURL"], one["fingerprint"],
            )
            for one in payload["alerts"]
        ),
        GroupLabels=KV(payload["groupLabels"]), CommonLabels=KV(payload["commonLabels"]),
        CommonAnnotations=KV(payload["commonAnnotations"]), ExternalURL=payload["externalURL"],
    )  # fmt: skip

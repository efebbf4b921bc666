"""Everything as it stands: configuration, alerts, groups, incidents, who was told, and the effects that are to be done.

What comes in goes through `take`, what an incident becomes through `save`; `drain` gives the effects of both, in order.
"""

from collections.abc import Iterable

from alerting import groups
from alerting.alerts import Alert
from alerting.config import Config
from alerting.effects import Effect, Publish
from alerting.groups import Groups
from alerting.inhibition import Inhibitor
from alerting.muting import Muting
from alerting.register import Register
from alerting.signals import Signals
from alerting.silences import Silences
from alerting.store import Store
from alerting.teller import Teller
from streams.contracts import Incident, Silence


class Standing:
    """What the parts of the engine share."""

    def __init__(self, config: Config, silences: Iterable[Silence] = ()) -> None:
        self.config = config
        self.store = Store()
        self.silences = Silences(silences)
        self.muting = Muting(Inhibitor(config.inhibit_rules), self.silences, config.time_intervals)
        self.signals = Signals(config.retention, config.result_labels)
        self.register = Register(config)
        self.groups = Groups(config.route)
        self.effects: list[Effect] = []
        self.teller = Teller(config, self.register, self.groups, self.effects)

    def reconfigure(self, config: Config, now: float) -> None:
        """Go on with another configuration: alerts are grouped anew, what everybody was told stays."""
        self.config = config
        self.signals.reconfigure(config.retention, config.result_labels)
        self.register.reconfigure(config)
        self.muting = Muting(Inhibitor(config.inhibit_rules), self.silences, config.time_intervals)
        for alert in self.store:
            self.muting.inhibitor.put(alert)
        self.groups = groups.regrouped(self.groups, config.route, config.receivers, self.store, now)
        self.teller.reconfigure(config, self.groups)
        for group in self.groups:
            if (incident := self.register.of(group)) is not None:
                self.register.attach(group, incident)

    def take(self, alerts: Iterable[Alert], now: float) -> None:
        """Take reports of alerts into the store, the inhibitor and the groups."""
        for alert in alerts:
            merged, news = self.store.put(alert, now)
            self.muting.inhibitor.put(merged)
            for group in self.groups.put(merged, now):
                if news:
                    self.effects.append(Publish("ops.alerts", group.key, merged.state(now)))

    def clean(self, now: float) -> None:
        """Forget what nobody can ask for any more."""
        for alert in self.store.forget(now):
            self.muting.inhibitor.forget(alert)
        self.effects += [Publish("ops.silences", name, None) for name in self.silences.forget(now)]

    def save(self, incident: Incident) -> Incident:
        """Keep a version of an incident, and publish it; returns it."""
        self.register.put(incident)
        self.effects.append(Publish("ops.incidents", incident.id, incident))
        return incident

    def drain(self) -> list[Effect]:
        """The effects since the last call."""
        effects = list(self.effects)
        self.effects.clear()
        return effects

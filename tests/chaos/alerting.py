"""Two alerting processes in containers, one that writes and one that stands by, as `docker-compose.yml` runs them."""

from pathlib import Path
from typing import Any

from kills.story import BESIDE, CASE, CHAIN, PEOPLE, STEP_S

from chaos.cluster import Cluster
from chaos.processes import SEEN, Processes

REPLICAS = 2
CALLED = {**CHAIN, BESIDE: "dave"}
"""Whom each step calls: `dave` when data is lost, at once and beside the chain."""
_CONFIG = (
    """
global: {globals}
route: {{receiver: team, group_by: [alertname, {case}, agent], group_wait: 0.1s, group_interval: 0.3s, repeat_interval: 4h}}
"""  # noqa: E501 - a route a line
    + PEOPLE
    + """  dave: {{webhook_configs: [{{url: "{http}/dave"}}]}}
escalation:
  - matchers: ['severity=~"P0|P1"']
    steps: [{{after: 0s, notify: [ada]}}, {{after: {second}s, notify: [bob]}}, {{after: {third}s, notify: [carol]}}]
    data_loss: {{after: 0s, notify: [dave]}}
incidents: {{reopen_window: 0s}}
rules:
  - {{name: Pressure, expr: pressure > 0.6, window: 3s, by: [{case}], for: 0s, severity: P1}}
  - {{name: DataLost, expr: data_loss > 0, window: 3s, by: [{case}], for: 0s, keep_firing_for: {stall}s, severity: P0}}
  - {{name: ManyErrors, expr: error_rate > 0.01, window: 10s, by: [agent], for: 0s, severity: P2, no_data: ok, no_data_for: 5s}}
  - {{name: DeadLetters, expr: dlq_rate > 0.02, window: 5s, by: [], for: 0s, severity: P2, no_data: ok, no_data_for: 5s}}
"""  # noqa: E501 - a rule a line
)
# no report of lost data for `stall` is its end: a shorter silence is a broker's, or that of who listens


class Alerting(Processes):
    """Alerting processes, of which Kafka elects the writer; `inbox` is where people are told."""

    kind = "alerting"

    def __init__(self, cluster: Cluster, prefix: str, inbox: Any, stall_s: float) -> None:
        super().__init__(cluster, prefix, REPLICAS, {})
        self._stall_s = stall_s
        self._inbox = inbox

    def command(self, folder: Path) -> list[str]:
        """Say what one is started with."""
        config = _CONFIG.format(
            globals=self._inbox.globals(), http=self._inbox.http, case=CASE, second=STEP_S, third=2 * STEP_S,
            stall=self._stall_s,
        )  # fmt: skip
        (folder / "alerting.yaml").write_text(config)
        return [
            "alerting", "--kafka", self.cluster.inside, "--topic-prefix", self.prefix,
            "--config", f"{SEEN}/alerting.yaml", "--listen", "127.0.0.1:9093",
        ]  # fmt: skip

    @property
    def live(self) -> bool:
        """Whether one of them has begun to look at rules."""
        return any(b"alerting_live" in one.logs() for one in self.containers)


def number_of(name: str) -> int:
    """The number of a replica by the name that it has in office, which is where it listens."""
    return int(name.partition(":")[0].removeprefix(Alerting.kind))

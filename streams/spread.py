"""A histogram that takes the values of a whole batch at once: prometheus_client's own costs a microsecond a value."""

import threading
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString


class Spread(Collector):
    """Counts values in buckets `le` bounds, by the value of one label; `observe` takes many at once."""

    def __init__(
        self, name: str, documentation: str, label: str, bounds: Sequence[float], registry: CollectorRegistry = REGISTRY
    ) -> None:
        self._name = name
        self._documentation = documentation
        self.label = label
        self._bounds = np.array(bounds, dtype=float)
        self._names = [*map(floatToGoString, bounds), "+Inf"]
        self._counts: dict[str, np.ndarray] = {}
        self._sums: dict[str, float] = {}
        self._lock = threading.Lock()
        registry.register(self)

    def observe(self, value: str, numbers: ArrayLike) -> None:
        """Count `numbers` under this value of the label."""
        found = np.asarray(numbers, dtype=float)
        counts = np.bincount(np.searchsorted(self._bounds, found), minlength=len(self._names))
        with self._lock:
            if value in self._counts:
                self._counts[value] += counts
                self._sums[value] += float(found.sum())
            else:
                self._counts[value], self._sums[value] = counts, float(found.sum())

    def describe(self) -> Iterable[Metric]:
        """Give the family without its counts."""
        yield HistogramMetricFamily(self._name, self._documentation, labels=[self.label])

    def collect(self) -> Iterable[Metric]:
        """Give the family as Prometheus wants it: cumulative counts."""
        family = HistogramMetricFamily(self._name, self._documentation, labels=[self.label])
        with self._lock:
            for value, counts in self._counts.items():
                buckets = list(zip(self._names, np.cumsum(counts).tolist(), strict=True))
                family.add_metric([value], buckets, self._sums[value])
        yield family

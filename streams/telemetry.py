"""What the stream tells of itself: Prometheus metrics, each with labels whose values are few and known.

Nothing that comes from outside becomes a label: agents, tasks and codes are the catalogue's and the contract's own
names, and what is not in them is counted under an empty name. `docs/metrics.md` lists all of them.
"""

from prometheus_client import Counter, Gauge, Histogram, Summary

from streams.spread import Spread

# requests and their answers
RECORDS = Counter("sci_agents_records_total", "Records taken from compute.requests.")
REQUESTS = Counter("sci_agents_requests_total", "Requests admitted to computing.", ["agent", "task"])
RESULTS = Counter("sci_agents_results_total", "Results confirmed by the broker.", ["agent", "task", "status", "code"])
DEAD_LETTERS = Counter("sci_agents_dead_letters_total", "Values sent to compute.dlq.", ["code"])
IN_FLIGHT = Gauge("sci_agents_in_flight", "Records handed out and not yet done.")
QUEUE_SECONDS = Spread(
    "sci_agents_queue_seconds", "From a request's record to the start of its computation.", "lane",
    (1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60, 300),
)  # fmt: skip
RUN_SECONDS = Histogram(
    "sci_agents_run_seconds", "Time of one native call, by task.", ["agent", "task"],
    buckets=(1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 60, 300),
)  # fmt: skip
KERNEL_SECONDS = Summary("sci_agents_kernel_seconds", "Time of native calls, by kernel.", ["kernel"])
BATCH_RECORDS = Histogram("sci_agents_batch_records", "Records in one batch.", buckets=(1, 10, 100, 500, 1000, 2000))
CACHE_HITS = Counter("sci_agents_cache_hits_total", "Results taken from a cache.", ["tier"])
CACHE_MISSES = Counter("sci_agents_cache_misses_total", "Results looked for in a cache and not found.", ["tier"])
CACHE_UP = Gauge("sci_agents_cache_up", "Whether the cache that workers share answers: 1, or 0 while it is away.")

# the history
HISTORY_ROWS = Counter("sci_agents_history_rows_total", "Rows written to the history.", ["table"])
HISTORY_LAG = Gauge("sci_agents_history_lag_records", "Records that the history does not have yet.")
HISTORY_LOST = Counter("sci_agents_history_lost_total", "Records that retention deleted before they were recorded.")
HISTORY_REFUSED = Counter("sci_agents_history_refused_total", "Records that the store does not take.")

# the heavy lane
HEAVY_RUNNING = Gauge("sci_agents_heavy_running", "Requests that run in the heavy lane.")
HEAVY_WAITING = Gauge("sci_agents_heavy_waiting", "Requests that wait in the heavy lane.")
HEAVY_KILLED = Counter("sci_agents_heavy_killed_total", "Processes of the heavy lane that were killed.", ["reason"])
HEAVY_CRASHED = Counter("sci_agents_heavy_crashed_total", "Processes of the heavy lane that died by themselves.")

# Kafka
LAG = Gauge("sci_agents_lag_records", "Records of an owned partition that are not committed.", ["topic", "partition"])
FRONTIER_GAP = Gauge(
    "sci_agents_frontier_gap_records", "Done records behind one that is not: what a crash would repeat.",
    ["topic", "partition"],
)  # fmt: skip
REBALANCES = Counter("sci_agents_rebalances_total", "Changes of the partitions owned.", ["group", "change"])
UNREAD_PARTITIONS = Gauge("sci_agents_unread_partitions", "Partitions that no member of the group reads.", ["group"])
REJOINS = Counter("sci_agents_rejoins_total", "Times that a member left and joined again for them.", ["group"])
COMMIT_FAILURES = Counter("sci_agents_commit_failures_total", "Commits that failed, and are tried again.", ["group"])
RECORDS_LOST = Counter(
    "sci_agents_records_lost_total", "Records that retention deleted before they were read.", ["topic", "partition"]
)
BROKERS_UP = Gauge("sci_agents_brokers_up", "Brokers that the consumer is connected to.", ["group"])
EMIT_QUEUE = Gauge("sci_agents_emit_queue_messages", "Messages that wait for the broker's confirmation.")

# the process
SPANS_DROPPED = Counter("sci_agents_spans_dropped_total", "Spans left out, because too many came at once.")
LOOP_LAG = Gauge("sci_agents_event_loop_lag_seconds", "The event loop's worst lateness of the last seconds.")

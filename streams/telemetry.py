"""What the stream tells of itself: Prometheus metrics and structured logs."""

import logging
import sys
from pathlib import Path

import structlog
from prometheus_client import Counter, Gauge, Histogram

RESULTS = Counter("sci_agents_results_total", "Results confirmed by the broker.", ["agent", "task", "status"])
DEAD_LETTERS = Counter("sci_agents_dead_letters_total", "Values sent to compute.dlq.", ["code"])
RECORDS = Counter("sci_agents_records_total", "Records taken from compute.requests.")
RUN_SECONDS = Histogram(
    "sci_agents_run_seconds", "Time of one native call, by task.", ["agent", "task"],
    buckets=(1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 60, 300),
)  # fmt: skip
BATCH_RECORDS = Histogram("sci_agents_batch_records", "Records in one batch.", buckets=(1, 10, 100, 500, 1000, 2000))
IN_FLIGHT = Gauge("sci_agents_in_flight", "Records handed out and not yet done.")


def configure_logging(level: str = "INFO", file: Path | None = None, form: str = "auto") -> None:
    """Log to `file` or to standard error, Faust's own logs too.

    `form` is "json" (an object a line), "text" (for reading), or "auto": json in a file, text otherwise.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if form == "json" or (form == "auto" and file)
        else structlog.dev.ConsoleRenderer(colors=file is None and sys.stderr.isatty())
    )
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
    handler: logging.Handler = logging.FileHandler(file) if file else logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for noisy in ("faust", "aiokafka", "mode", "asyncio"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLevelName(level)))

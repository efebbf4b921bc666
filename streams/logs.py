"""What a process writes down: structured logs, Faust's own among them."""

import logging
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import structlog


def about(request_id: str, trace: str = "") -> AbstractContextManager[None]:
    """Bind a request's id, and that of its trace where it has one, to every line that is logged inside."""
    bound = {"id": request_id, "trace_id": trace.split("-")[1]} if trace.count("-") >= 3 else {"id": request_id}
    return structlog.contextvars.bound_contextvars(**bound)


def configure(level: str = "INFO", file: Path | None = None, form: str = "auto") -> None:
    """Log to `file` or to standard error.

    `form` is "json" (an object a line), "text" (for reading), or "auto": json in a file, text otherwise. What is bound
    in `structlog.contextvars` (the id of the request that is worked on, its trace) is part of each line.
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

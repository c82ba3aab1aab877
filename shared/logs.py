"""JSON logs, one object a line, that join on request, job and trace id and never hold a prompt or a key."""

import logging
import sys
import time
from contextvars import ContextVar
from typing import Any, Final

import msgspec

from shared import traceparent

request_id: ContextVar[str] = ContextVar("request_id", default="")
job_id: ContextVar[str] = ContextVar("job_id", default="")

# What the standard library puts on every record; anything else came by `extra=` and is logged.
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "taskName", "asctime"}


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON; `process` says which part of the product speaks."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process
        self._encoder = msgspec.json.Encoder(enc_hook=repr)

    def format(self, record: logging.LogRecord) -> str:
        """Lay out time (UTC), level, message, ids and every `extra` field."""
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "message": record.getMessage(),
        }
        ids = {
            "request_id": request_id.get(),
            "job_id": job_id.get(),
            "trace_id": traceparent.trace_id(traceparent.current.get()),
        }
        line.update((name, value) for name, value in ids.items() if value)
        line.update((k, v) for k, v in vars(record).items() if k not in _STANDARD and not k.startswith("_"))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return self._encoder.encode(line).decode()


def set_up(process: str, level: str) -> None:
    """Send every log of this process to stderr as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(process))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    # arq logs the first characters of a job's arguments, httpx every URL.
    for noisy in ("arq", "httpx", "httpcore", "uvicorn"):
        logging.getLogger(noisy).setLevel(logging.WARNING)

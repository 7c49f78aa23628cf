"""Prometheus metrics of the workers. Queue depth and age are CloudWatch's to tell."""

from prometheus_client import Counter, Gauge, Histogram, start_http_server

PROCESSED = Counter("gas_messages_processed", "Messages handled and deleted", ["queue"])
ERRORS = Counter("gas_messages_errors", "Handlers that raised", ["queue"])
RETRIES = Counter("gas_messages_retries", "Messages given back for later", ["queue"])
PARKED = Counter("gas_messages_parked", "Messages moved to the dead-letter queue", ["queue"])
IN_PROGRESS = Gauge("gas_messages_in_progress", "Messages being handled now", ["queue"])
DURATION = Histogram(
    "gas_message_duration_seconds",
    "Time in the handler",
    ["queue"],
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000, 10000),
)
DWELL = Histogram(
    "gas_message_dwell_seconds",
    "Time from sending to the start of the handler",
    ["queue"],
    buckets=(1, 3, 10, 30, 100, 300, 1000, 3000, 10000),
)


def serve(port: int) -> None:
    """Serve the metrics on 127.0.0.1. Raises OSError when the port is taken."""
    start_http_server(port, addr="127.0.0.1")

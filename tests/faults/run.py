"""Plays schedules on all cores: SCHEDULES=n, SEED=n or from-to (replay), STORE=vault, s3 or mixed,
TRACE=yes (the last calls also of what went well), JOBS=n processes, MINUTES=n (stop then).

python -m tests.faults.run
"""

import multiprocessing
import os
import signal
import sys
import tempfile
import time
import types
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.faults.outcome import KINDS, Outcome

STORES = ("vault", "s3", "mixed")
HOUR_LONG = 7000
"""Schedules that two cores play in about an hour."""
GRACE = "600"
"""Seconds that a Free result stays hot: schedules are about moves, not about waiting."""


def prepare(shelf: str) -> None:
    """Make this process's Django, cloud and engine those of the schedules; `shelf` is a folder."""
    os.environ.update(
        DJANGO_SETTINGS_MODULE="tests.settings",
        AWS_ENDPOINT_URL="http://127.0.0.1:1",
        GAS_GRACE=GRACE,
    )
    import django

    django.setup()
    import structlog
    from django.conf import settings

    from annotations import library
    from annotations.genomics import engine
    from archival import transfer
    from gas_project import aws, events
    from tests.faults import cloud, people, shortcuts, stub, tasks

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    settings.GAS_LOCAL = False  # AWS's own delays: the clock jumps anyway
    engine.annotate = stub.annotate  # type: ignore[assignment]
    transfer.ThreadPoolExecutor = tasks.Inline  # type: ignore[attr-defined, assignment]
    library.time = types.SimpleNamespace(monotonic=lambda: 0.0)  # type: ignore[attr-defined, assignment]
    globals()["_cloud"] = cloud.opened(Path(tempfile.mkdtemp(dir=shelf)))
    people.open_book()
    shortcuts.install()
    for queue in events.QUEUE_OF_ROLE.values():
        for name in (queue, f"{queue}-dead"):
            aws.queue_url(name)  # a process remembers them: no schedule is the one that asks


def play(asked: tuple[int, str]) -> Outcome:
    """Play one schedule, given as seed and store."""
    from tests.faults.schedule import Schedule

    return Schedule(globals()["_cloud"], *asked).play()


def asked() -> list[tuple[int, str]]:
    """Return the schedules (seed, store) that the environment asks for. Raises SystemExit.

    SEED=7 or SEED=7-90 plays those in each store; else SCHEDULES of them are played, from seed 0.
    """
    store = os.environ.get("STORE") or "all"
    if store not in (*STORES, "all"):
        raise SystemExit("STORE must be vault, s3, mixed or all")
    chosen = STORES if store == "all" else (store,)
    first, _, last = (os.environ.get("SEED") or "").partition("-")
    if first:
        return [
            (seed, name) for seed in range(int(first), int(last or first) + 1) for name in chosen
        ]
    count = int(os.environ.get("SCHEDULES") or HOUR_LONG)
    return [(n // len(chosen), chosen[n % len(chosen)]) for n in range(count)]


def outcomes(wanted: list[tuple[int, str]]) -> Iterator[Outcome]:
    """Yield the outcome of each schedule, in the order asked for."""
    workers = min(int(os.environ.get("JOBS") or os.cpu_count() or 1), len(wanted))
    memory = Path("/dev/shm")
    where = memory if memory.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="gas-faults-", dir=where) as shelf:
        if workers == 1:
            prepare(shelf)
            yield from map(play, wanted)
            return
        with multiprocessing.get_context("spawn").Pool(workers, prepare, (shelf,)) as pool:
            yield from pool.imap(play, wanted)


def main() -> int:
    """Play, print each failure with its last calls, then the counts. Returns 1 for a failure."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # its processes end, its folder goes
    wanted = asked()
    began = said = time.monotonic()
    until = began + 60 * float(os.environ.get("MINUTES") or 10**6)
    counts: Counter[str] = Counter()
    stats: Counter[str] = Counter()
    number = calls = least = 0
    for number, outcome in enumerate(outcomes(wanted), 1):
        calls += outcome.calls
        least = min(least or outcome.calls, outcome.calls)
        stats += outcome.stats
        if outcome.verdict:
            counts[outcome.verdict.split()[0]] += 1
            _say(f"SEED={outcome.seed} STORE={outcome.store}: {outcome.verdict}")
        if outcome.verdict or os.environ.get("TRACE"):
            _say("\n".join(outcome.trace))
        elif time.monotonic() - said > 60:
            said = time.monotonic()
            _say(f"{number} of {len(wanted)} schedules, {time.monotonic() - began:.0f} s")
        if time.monotonic() > until:
            break
    _say(
        f"{number} schedules, {calls:,} AWS calls (at least {least} each), "
        f"{time.monotonic() - began:.0f} s: "
        + ", ".join(f"{kind.lower()} {counts[kind]}" for kind in KINDS)
    )
    _say("what happened: " + ", ".join(f"{name} {n:,}" for name, n in sorted(stats.items())))
    return 1 if counts else 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

"""`make bench-archive`: how fast results move, how much memory that takes, what each job costs.

The real steps and stores, the local cloud in a process of its own. Nothing is asserted about time.
SIZES in MiB (default 64,1024), STORES (default vault,s3), JOBS (default 60) choose what is run.
"""

import os
import statistics
import time
from collections import Counter
from functools import partial

import django
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
os.environ.setdefault("GAS_LOG_LEVEL", "WARNING")
django.setup()

from archival import services  # noqa: E402
from gas_project import aws, events, worker  # noqa: E402
from tests.benchmarks.large import (  # noqa: E402
    RETRIEVED,
    Pair,
    moved,
    person,
    taken_up,
)
from tests.benchmarks.place import (  # noqa: E402
    MIB,
    Cloud,
    Spent,
    heading,
    latency,
    measured,
    new_cloud,
    say,
    table,
)
from tests.benchmarks.usual import Usual  # noqa: E402
from tests.core import hot, look  # noqa: E402

SIZES = [int(size) * MIB for size in os.environ.get("SIZES", "64,1024").split(",")]
STORES = os.environ.get("STORES", "vault,s3").split(",")
JOBS = int(os.environ.get("JOBS", "60"))
KILLED = int(os.environ.get("KILLED", "1024")) * MIB
DELAY = 0.03
CONCURRENCIES = (1, 8, 32)
SMALL = os.urandom(16 * 1024)
FLOOR: dict[str, dict[str, float]] = {
    "archive": {
        **{"ReceiveMessage": 0.1, "DeleteMessageBatch": 0.1, "GetItem": 2, "GetObject": 1},
        **{"InitiateMultipartUpload": 1, "UploadMultipartPart": 1, "CompleteMultipartUpload": 1},
        "write": 2,
    },
    "restore": {"GetItem": 1, "InitiateJob": 1, "write": 1},
    "thaw": {
        **{"ReceiveMessage": 0.1, "DeleteMessageBatch": 0.1, "GetItem": 2, "DescribeJob": 1},
        **{"GetJobOutput": 1, "CreateMultipartUpload": 1, "UploadPart": 1},
        **{"CompleteMultipartUpload": 1, "write": 2},
    },
}
"""The fewest calls that a sequence can make that loses nothing when it stops at any of them: look
at job and plan, record the upload before its first byte, move the bytes, switch in one write."""


# --- how fast, and in how much memory --------------------------------------------------------


def rounds(size: int) -> int:
    """Return how often a size is measured: small ones more often, who goes first in turn."""
    return 3 if size <= 128 * MIB else 2 if size <= 1024 * MIB else 1


def speeds() -> None:
    """Print MB/s, the share of a bare copy's speed, CPU and peak memory of every size."""
    heading("Archive and thaw of one result, beside a bare copy of its bytes, medians")
    lines = []
    for store in STORES:
        for size in SIZES:
            with new_cloud() as cloud:
                both = [
                    moved(cloud, size, store, bare_first=number % 2 == 0)
                    for number in range(rounds(size))
                ]
            for which, name in enumerate(("archive", "thaw")):
                lines.append(_speed(f"{store} {name}", size, [one[which] for one in both]))
    cpu = ["CPU s/GB", "bare", "cloud's"]
    head = ["", "MiB", "bare MB/s", "GAS MB/s", "share", *cpu, "peak MiB", "bare"]
    table(head, lines)


def _speed(name: str, size: int, pairs: list[Pair]) -> list[str]:
    middle = statistics.median
    plain = middle(size / one.seconds / 1e6 for one, _ in pairs)
    ours = middle(size / two.seconds / 1e6 for _, two in pairs)
    share = middle(one.seconds / two.seconds for one, two in pairs)
    cpu = [middle(pair[n].cpu for pair in pairs) / size * 1e9 for n in (1, 0)]
    cpu.append(middle(two.cloud_cpu for _, two in pairs) / size * 1e9)
    most = [max(pair[n].peak for pair in pairs) // MIB for n in (1, 0)]
    figures = [f"{plain:.0f}", f"{ours:.0f}", f"{share:.2f}", *(f"{c:.1f}" for c in cpu)]
    return [name, str(size // MIB), *figures, *(str(one) for one in most)]


def kills() -> None:
    """Print what is left to do of a large result whose worker was killed half-way."""
    heading(f"After SIGKILL half-way through {KILLED // MIB} MiB: what the next worker did")
    rows = []
    for store in STORES:
        with new_cloud() as cloud:
            for role, parts, before, spent in taken_up(cloud, KILLED, store):
                sent = spent.calls["UploadPart"] + spent.calls["UploadMultipartPart"]
                counts = [str(one) for one in (parts, before, sent)]
                rows.append([f"{store} {role}", *counts, f"{spent.seconds:.0f}", _mib(spent)])
    table(["", "parts", "sent before", "sent after", "s", "peak MiB"], rows)


def _mib(spent: Spent) -> str:
    return str(spent.peak // MIB)


# --- how many a second -----------------------------------------------------------------------


def drain(role: str, *, concurrency: int, until: int = 0) -> float:
    """Let one worker process empty its queue; or end it when `until` jobs were handled.

    Returns the seconds up to the last job, without the worker's last long poll.
    """
    seen: set[str] = set()
    handle = partial(services.handle, role=role)
    began = last = time.monotonic()

    def noted(event: events.Event) -> None:
        nonlocal last
        handle(event)
        seen.add(event.job_id or "")
        last = time.monotonic()
        if until and len(seen) >= until:
            engine.stop()

    options = worker.Options(concurrency=concurrency, wait=1, idle_exit=1, jitter=0)
    engine = worker.Worker(queue=events.QUEUE_OF_ROLE[role], handler=noted, options=options)
    engine.run()
    return last - began


def small_jobs(user_id: str, count: int) -> list[str]:
    """Put hot results that are due to be archived, hinted; return their ids."""
    made = [hot(user_id, SMALL).job_id for _ in range(count)]
    events.send_hints(queue="archive", job_ids=made)
    return made


def rates() -> None:
    """Print archived jobs a second of one process, with a delay in every AWS call."""
    heading(f"Archived jobs/s of one process, {DELAY * 1000:.0f} ms added to every AWS call")
    settings.GAS_COLD_STORE = "vault"
    rows = []
    with new_cloud() as cloud:
        for concurrency in CONCURRENCIES:
            count = min(JOBS, 15) if concurrency == 1 else JOBS * (3 if concurrency > 8 else 1)
            small_jobs(person("free"), count)
            with measured(cloud) as spent, latency(DELAY):
                seconds = drain("archiver", concurrency=concurrency, until=count)
            spent.seconds = seconds
            rows.append(_rate(f"GAS, {concurrency} at a time", count, spent))
        scripts = Usual()
        owner = person("free")
        for _ in range(15):
            scripts.finished(SMALL, owner)
        more = scripts.clients
        with measured(cloud, more) as spent, latency(DELAY, more):
            for _ in range(15):
                scripts.archive()
        rows.append(_rate("the usual script, 1 at a time", 15, spent))
    table(["", "jobs", "jobs/s", "our CPU %", "cloud's CPU %"], rows)


def _rate(name: str, count: int, spent: Spent) -> list[str]:
    shares = [f"{100 * cpu / spent.seconds:.0f}" for cpu in (spent.cpu, spent.cloud_cpu)]
    return [name, str(count), f"{count / spent.seconds:.1f}", *shares]


# --- what a job costs ------------------------------------------------------------------------


def costs() -> None:
    """Print AWS calls and CPU per job, by operation, beside the floor and the usual scripts."""
    heading(f"AWS calls and CPU per job, {JOBS} results of 16 KiB, four at a time")
    settings.GAS_COLD_STORE = "vault"
    with new_cloud() as cloud:
        ours, theirs = _our_costs(cloud), _usual_costs(cloud)
    for phase in ("archive", "restore", "thaw"):
        _print_costs(phase, ours[phase], theirs[phase])


def _our_costs(cloud: Cloud) -> dict[str, Spent]:
    user_id, found = person("free"), {}
    made = small_jobs(user_id, JOBS)
    with measured(cloud) as found["archive"]:
        drain("archiver", concurrency=4)
    services.change_tier(user_id=user_id, tier="premium")
    with measured(cloud) as found["restore"]:
        drain("restorer", concurrency=4)
    with measured(cloud) as found["thaw"]:
        drain("thawer", concurrency=4)  # the restorer's hints: nothing is ready
        cloud.advance(RETRIEVED)
        drain("thawer", concurrency=4)
    assert {look(job).state for job in made} == {"HOT"}
    return found


def _usual_costs(cloud: Cloud) -> dict[str, Spent]:
    scripts, owner, found = Usual(), person("free"), {}
    more = scripts.clients
    for _ in range(JOBS):
        scripts.finished(SMALL, owner)
    with measured(cloud, more) as found["archive"]:
        for _ in range(JOBS):
            scripts.archive()
    scripts.send(user_id=owner)
    with measured(cloud, more) as found["restore"]:
        asked = scripts.restore()
    cloud.advance(RETRIEVED)
    for job_id, retrieval in asked:
        scripts.send(job_id=job_id, retrieval=retrieval)
    with measured(cloud, more) as found["thaw"]:
        for _ in asked:
            scripts.thaw()
    return found


WRITES = ("UpdateItem", "PutItem", "TransactWriteItems")


def _print_costs(phase: str, ours: Spent, theirs: Spent) -> None:
    floor = FLOOR[phase]
    names = [*dict.fromkeys([*ours.calls, *theirs.calls, *(n for n in floor if n != "write")])]
    rows = [_operation(name, floor, ours.calls, theirs.calls) for name in sorted(names)]
    totals = [f"{c.total() / JOBS:.1f}" for c in (ours.calls, theirs.calls)]
    rows.append(["  writes of items", f"{floor['write']:.1f}", *_writes(ours, theirs)])
    rows.append(["all calls", f"{sum(floor.values()):.1f}", *totals])
    cpu = [f"{1000 * one.cpu / JOBS:.1f}" for one in (ours, theirs)]
    rows.append(["CPU ms", "", *cpu])
    table([phase, "floor", "GAS", "usual scripts"], rows)


def _operation(
    name: str, floor: dict[str, float], ours: Counter[str], theirs: Counter[str]
) -> list[str]:
    least = f"{floor[name]:.1f}" if name in floor else ""
    return [f"  {name}", least, f"{ours[name] / JOBS:.1f}", f"{theirs[name] / JOBS:.1f}"]


def _writes(*spent: Spent) -> list[str]:
    return [f"{sum(one.calls[name] for name in WRITES) / JOBS:.1f}" for one in spent]


def main() -> None:
    """Run what PARTS names: by default all but `kills`, which is for large results."""
    parts = {"costs": costs, "rates": rates, "speeds": speeds, "kills": kills}
    for name in os.environ.get("PARTS", "costs,rates,speeds").split(","):
        parts[name]()
    say(f"The local cloud of {aws.region()} is one process; AWS's own speed is not measured here.")


if __name__ == "__main__":
    main()

"""One person of many results, others beside them: who waits how long.

The web's change of tier, the restorers, the thawers and the sweep are the real ones. The archives
are rows of the local vault that share their bytes, and the jobs are put into the local table.
"""

import hashlib
import os
import random
import sys
import time
import uuid
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from accounts import plans
from annotations import jobs
from annotations.locators import Locator, Store
from annotations.safety import DAY, HOUR, MINUTE
from annotations.states import Job
from archival import services
from archival.stores import vault
from gas_project import aws, clock, events, items, queues
from tests.fairness.clockwork import Clockwork
from tests.faults.cloud import Cloud
from tests.faults.wire import Line

HEAVY = int(os.environ.get("HEAVY") or 50_000)
OTHERS = int(os.environ.get("OTHERS") or 60)
SEED = int(os.environ.get("SEED") or 7)
SEATS = 4
"""Messages that a worker handles at a time: one process a role, as `run_restorer` starts it."""
AWAY = 4 * HOUR
"""How long the workers are away before the last window: by then most of the 50,000 are due."""
BYTES = b"##fileformat=VCFv4.3\n" * 10
PUBLISHED = ("notify", "archive")
"""Queues whose workers are not played: they are emptied."""


@dataclass
class Wait:
    """One person's upgrade: when it was made, when the last result was asked for, and was back."""

    jobs: list[str]
    began: float = 0.0
    asked: float | None = None
    back: float | None = None


@dataclass
class Window:
    """The people who upgrade in one stretch of time."""

    name: str
    waits: list[Wait] = field(default_factory=list)

    def p95(self, what: str) -> float:
        """Return the wait in seconds that 95 of 100 people do not exceed."""
        found = sorted(getattr(wait, what) - wait.began for wait in self.waits)
        return float(found[int(0.95 * (len(found) - 1))])


class Stage:
    """The cloud, the stock of archives, and the workers."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.table: Any = cloud._dynamo.tables[aws.table("jobs")]
        self.dice = random.Random(SEED)
        self.time = Clockwork(cloud)
        self.row = self._first_archive()

    def _first_archive(self) -> tuple[Any, ...]:
        where = vault.open(job_id="first", size=len(BYTES))
        tag = vault.write(upload=where, number=1, offset=0, data=BYTES)
        done = vault.finish(upload=where, size=len(BYTES), tags=[tag])
        found = self.cloud.disk.rows("SELECT * FROM glacier_archives WHERE id=?", (done.name,))
        return found[0]

    def stock(self, user: str, many: int) -> list[str]:
        """Give a person so many archived results; return the jobs."""
        made = [self._archived(user, number) for number in range(many)]
        _, *rest = self.row
        with self.cloud.disk.transaction():
            for job in made:
                assert job.copy is not None
                row = (job.copy.name, *rest)
                marks = ",".join("?" * len(row))
                self.cloud.disk.run(f"INSERT INTO glacier_archives VALUES ({marks})", row)
        return [job.job_id for job in made]

    def _archived(self, user: str, number: int) -> Job:
        born = clock.now() - 40 * DAY - number
        job = Job(
            job_id=str(uuid.uuid4()),
            user_id=user,
            name="patient.vcf",
            reference="sars-cov-2",
            submitted_at=born,
            rev=items.fresh(),
            state="COLD",
            completed_at=born,
            copied_at=born + DAY,
            copy=Locator(Store.VAULT, aws.vault(), uuid.uuid4().hex),
            size=len(BYTES),
            sha256=hashlib.sha256(BYTES).hexdigest(),
            tree_hash=str(self.row[5]),
        )
        attributes = items.to_item(jobs._values(job))
        self.table.place(self.table.key_of(attributes), attributes)
        return job

    def facts(self, job_id: str) -> dict[str, Any]:
        """Return what the table holds of a job."""
        found: Any = self.table.find(self.table.key_of({"job_id": {"S": job_id}}))
        return {name: value.value for name, value in found.attrs.items()}

    # --- who is at work --------------------------------------------------------------------

    def man(self) -> None:
        """Let the workers begin."""
        for role in ("restorer", "thawer"):
            for number in range(SEATS):
                self.time.add(f"{role} {number}", partial(self._seat, role))
        self.time.add("sweep", self._sweep)

    def _seat(self, role: str) -> None:
        kind = events.QUEUE_OF_ROLE[role]
        queue: Any = self.cloud._queues.queues[f"gas-{kind}"]
        while True:
            ripe = any(message.visible for message in queue._messages)
            found = queues.receive(kind, limit=1, wait=0, visibility=12 * HOUR) if ripe else []
            for message in found:
                for event in events.decode(message.body):
                    services.handle(event, role=role)
                queues.delete(kind, [message])
            if not found:
                self.time.sleep(0.5)

    def _sweep(self) -> None:
        while True:
            began = self.time.now()
            services.sweep()
            for kind in PUBLISHED:
                queue: Any = self.cloud._queues.queues[f"gas-{kind}"]
                queue._messages = []
            self.time.sleep(max(0.0, began + MINUTE - self.time.now()))

    # --- who waits -------------------------------------------------------------------------

    def window(self, name: str, length: int) -> Window:
        """Let people upgrade at any time of so many seconds; return when all have their results."""
        window = Window(name)
        for _ in range(OTHERS):
            user = str(uuid.uuid4())
            plans.create(user_id=user)
            wait = Wait(self.stock(user, self.dice.choice((1, 1, 2, 5))))
            window.waits.append(wait)
            act, after = partial(self._upgrade, user, wait), self.dice.uniform(0, length)
            self.time.add("a person", act, after=after)
        self.time.run(partial(self._all_back, window))
        return window

    def _upgrade(self, user: str, wait: Wait) -> None:
        wait.began = self.time.now()
        _upgrade(user)

    def _all_back(self, window: Window) -> bool:
        for wait in window.waits:
            if not wait.began or wait.back:
                continue
            found = [self.facts(job_id) for job_id in wait.jobs]
            hot = [facts["state"] == "HOT" for facts in found]
            if not wait.asked and all(
                "retrieval" in f or h for f, h in zip(found, hot, strict=True)
            ):
                wait.asked = self.time.now()
            wait.back = self.time.now() if all(hot) else None
        return all(wait.back for wait in window.waits)


def play(cloud: Cloud) -> int:
    """Play the three windows; return 1 when others wait more than twice as long as when idle."""
    began = time.monotonic()
    clock.now = lambda: int(cloud.clock.now())
    stage = Stage(cloud)
    one = str(uuid.uuid4())
    plans.create(user_id=one)
    theirs = stage.stock(one, HEAVY)
    _say(f"One person of {HEAVY:,} archived results, {OTHERS} others a window, SEED={SEED}")
    Line.wire = stage.time
    stage.man()
    idle = stage.window("idle", 30 * MINUTE)
    stage.time.add("the one", partial(_upgrade, one))
    beside = stage.window("beside the upgrade", 30 * MINUTE)
    _say(_progress(stage, theirs))
    cloud.advance(AWAY)
    late = stage.window("after four hours without workers", 10 * MINUTE)
    _say(_progress(stage, theirs))
    stage.time.end()
    longest = max(_told(window, idle) for window in (idle, beside, late))
    _say(f"{stage.time.calls:,} AWS calls, {time.monotonic() - began:.0f} s of this machine")
    return 1 if longest > 2 else 0


def _upgrade(user: str) -> None:
    services.change_tier(user_id=user, tier="premium")


def _told(window: Window, idle: Window) -> float:
    ratio = window.p95("back") / idle.p95("back")
    _say(
        f"{window.name}: 95 of 100 people waited at most {window.p95('asked'):.1f} s until all was "
        f"asked for, {window.p95('back'):.0f} s until all was back: {ratio:.2f} times the idle wait"
    )
    return ratio


def _progress(stage: Stage, theirs: list[str]) -> str:
    states = [str(stage.facts(job_id)["state"]) for job_id in theirs]
    counts = {state: states.count(state) for state in sorted(set(states))}
    return "the one's results: " + ", ".join(f"{n:,} {state}" for state, n in counts.items())


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()

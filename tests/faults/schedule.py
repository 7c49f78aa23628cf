"""One seeded schedule: the real workers over the local cloud, everything going wrong, then calm."""

import random
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from accounts import plans
from annotations import jobs, library, run, services, storage
from annotations.jobs import NotFound
from annotations.services import Declined
from annotations.states import Job
from archival import census, reconcile, staff, stores
from archival import services as life
from gas_project import clock, events, queues
from tests.faults import stub
from tests.faults.cloud import EPOCH, Cloud, Line, seed_randomness
from tests.faults.judge import Judge
from tests.faults.outcome import Outcome
from tests.faults.tasks import Crash, FaultyWire, Task

MINUTE, HOUR, DAY = 60, 3600, 24 * 3600
SKEW = 10 * MINUTE
CALLS = 260
"""AWS calls up to the end of the faulty part of a schedule, at least; then comes the calm part."""
LIVE = 9
ROLES = ("annotator", "archiver", "restorer", "thawer", "eraser")
ROLE_OF_QUEUE = {queue: role for role, queue in events.QUEUE_OF_ROLE.items()}
WEEK = (10 * MINUTE, 3 * HOUR, 26 * HOUR, 5 * HOUR)
SEASON = (40 * DAY, 10 * MINUTE, 26 * HOUR, 5 * HOUR, 13 * HOUR, 5 * HOUR)
ROUNDS = 48
"""Rounds of the last calm after which what is not at rest counts as stuck."""
EXPECTED = (
    *(BotoCoreError, ClientError, NotFound, Declined, Crash, jobs.Fenced, queues.NotSent),
    *(stores.NotThere, stores.Changed, stores.Refused),
)
"""What a worker or a page may raise when AWS fails it; anything else is BROKEN."""


class Found(BaseException):
    """The judge has found something wrong."""


class Schedule:
    """The scheduler: who runs, what fails, what people want, how time passes."""

    def __init__(self, cloud: Cloud, seed: int, store: str) -> None:
        seed_randomness(f"{store} {seed}")
        library.forget_listing()
        cloud.forget()
        cloud.take_messages()
        self.cloud = cloud
        self.dice = random.Random(f"schedule {store} {seed}")
        self.store = store
        self.outcome = Outcome(seed, store)
        self.judge = Judge(cloud)
        self.live: list[Task] = []
        self.messages: list[tuple[str, str]] = []
        self.tick = 0
        self.trace: deque[str] = deque(maxlen=40)
        self.wire = FaultyWire(self.dice, self._after)
        self.restless = self.dice.choice((0.2, 0.5, 0.8))
        self.posts: list[Job] = []
        clock.now = lambda: int(cloud.clock.now()) + Line.wire.skew()
        settings.GAS_COLD_STORE = "vault" if store == "mixed" else store
        Line.wire = self.wire

    # --- the whole -----------------------------------------------------------------------------

    def play(self) -> Outcome:
        """Play it to its end, or to the first thing that is wrong."""
        try:
            self._begin()
            self._chaos()
            zombies = self.live[:]
            self.dice.shuffle(zombies)
            self.wire.faults = False
            self.cloud.faults.clear()
            self._wake(zombies[::2])
            self._calm(WEEK)
            self._wake(zombies[1::2])
            self._end()
        except Found as found:
            self.outcome.verdict = str(found)
        finally:
            for task in self.live:
                task.kill()
        self.outcome.stats = self.judge.stats
        self.outcome.trace = list(self.trace)
        return self.outcome

    def _after(self, who: str, call: str, what: str) -> None:
        """Count a call, let the judge look. It is called by whoever has the baton."""
        self.outcome.calls += 1
        hours = (self.cloud.clock.now() - EPOCH) / HOUR
        self.trace.append(f"{self.outcome.calls:5} {hours:9.2f} h  {who:28} {call:24} {what}")
        if wrong := self.judge.safe():
            self.outcome.verdict = self.outcome.verdict or wrong
            if who == "calm":
                raise Found(wrong)

    # --- the beginning -------------------------------------------------------------------------

    def _begin(self) -> None:
        self.users = [f"{n}{n}{n}{n}{n}{n}{n}{n}-0000-4000-8000-000000000000" for n in (1, 2)]
        for user in self.users:
            plans.create(user_id=user)
        for number in range(3):
            user = self.users[number % 2]
            if self.dice.random() < 0.4:
                self._submit(user)
            else:
                self._finished(user)
        if self.dice.random() < 0.6:
            self._archive()

    def _submit(self, user: str) -> None:
        job = services.submit(user_id=user, name="a.vcf", reference="sars-cov-2").job
        self.posts.append(job)

    def _finished(self, user: str) -> None:
        """Make a job whose result is there, as an annotator leaves it."""
        job = services.submit(user_id=user, name="a.vcf", reference="sars-cov-2").job
        self.posts.append(job)
        assert job.input is not None
        storage.put(job.input, stub.upload(job.user_id, "first"))
        services.confirm(job_id=job.job_id, user_id=user)
        run.advance(job.job_id, stopping=lambda: False)

    def _archive(self) -> None:
        """Let what is finished be cold already, and perhaps wanted back."""
        self.cloud.advance(HOUR)
        for job_id in list(self.judge.jobs()):
            life.advance(role="archiver", job_id=job_id)
        for user in self.users:
            if self.dice.random() < 0.7:
                self._change_tier(user)

    # --- chaos ---------------------------------------------------------------------------------

    def _chaos(self) -> None:
        while self.outcome.calls < CALLS or self.tick < CALLS:
            self.tick += 1
            x = self.dice.random()
            awake = [task for task in self.live if task.wake <= self.tick]
            if x < 0.78 and awake:
                self._step(self.dice.choice(awake))
            elif x < 0.92 and len(self.live) < LIVE:
                self.live.append(self._worker())
            elif x < 0.95:
                self._pass_time()
            else:
                self._people()
            self._meddle()
            if self.outcome.verdict:
                raise Found(self.outcome.verdict)

    def _step(self, task: Task) -> None:
        task.resume()
        if task.over:
            self.live.remove(task)
            self._check(task)
        elif self.dice.random() < 0.04 and not task.name.startswith("web"):
            task.wake = self.tick + self.dice.randrange(20, 200)
        self.messages += self.cloud.take_messages()

    def _check(self, task: Task) -> None:
        if task.error and not isinstance(task.error, EXPECTED):
            raise Found(f"BROKEN {task.name} in {task.call}: {task.error!r}")

    def _worker(self) -> Task:
        """Start somebody: at a message, a chance look, a sweep, a spread or a reconcile."""
        skew, x = self.dice.choice((-SKEW, 0, SKEW)), self.dice.random()
        if x < 0.55 and self.messages:
            return self._deliver(skew)
        if x < 0.80:
            role, job = self.dice.choice(ROLES), self.dice.choice(list(self.judge.jobs()))
            return Task(f"{role} {job[:4]}", partial(_look, role, job), skew=skew)
        if x < 0.90:
            return Task("sweep", self._sweep, skew=skew)
        if x < 0.95:
            return Task("spread", partial(life.spread, self.dice.choice(self.users)), skew=skew)
        return Task("reconcile", _reconcile, skew=skew)

    def _deliver(self, skew: int) -> Task:
        """Start a worker at any of the messages: in no order, some twice, some never."""
        at, x = self.dice.randrange(len(self.messages)), self.dice.random()
        kind, body = self.messages[at] if x < 0.15 else self.messages.pop(at)
        if x > 0.93 or ROLE_OF_QUEUE[kind] == "notifier":
            return Task("nobody", lambda: None)
        role = ROLE_OF_QUEUE[kind]
        return Task(f"{role} {self.outcome.calls}", partial(_handle, role, body), skew=skew)

    def _sweep(self) -> None:
        # Of sixteen shards only those are asked that can hold a job: the others cost time alone.
        jobs.SHARDS = "".join(sorted({job_id[0] for job_id in self.judge.jobs()}))
        life.sweep()

    def _pass_time(self) -> None:
        steps = [MINUTE, 10 * MINUTE, 3 * HOUR, 6 * HOUR]
        if self.dice.random() < 0.35:
            steps += [DAY, 2 * DAY, 30 * DAY, 100 * DAY]
        self.cloud.advance(self.dice.choice(steps))
        self.messages += self.cloud.take_messages()

    def _meddle(self) -> None:
        """Let browsers post, the operator change the store, and AWS have its whims."""
        for job in self.posts:
            if self.dice.random() < 0.03:
                self._post(job)
        if self.dice.random() < 0.06:
            self.cloud.faults.update(
                {
                    "refuse_expedited": self.dice.choice(("", "", "400", "503")),
                    "enforce_policy": self.dice.random() < 0.2,
                    "fail_next_jobs": self.dice.choice((0, 0, 1)),
                    "flip_byte_in_output": self.dice.random() < 0.1,
                    "break_output": self.dice.choice((0, 0, 2)),
                    "drop_notices": self.dice.random() < 0.3,
                    "double_notices": self.dice.random() < 0.3,
                    "forget_completes": self.dice.random() < 0.3,
                }
            )
        if self.store == "mixed" and self.dice.random() < 0.1:
            settings.GAS_COLD_STORE = self.dice.choice(("vault", "s3"))

    def _post(self, job: Job) -> None:
        """A browser's post: late, again, another file. It began within the policy's hour."""
        if self.cloud.clock.now() < job.submitted_at + 65 * MINUTE:
            kind = self.dice.choice(("first",) * 8 + ("other", "bad"))
            assert job.input is not None
            self._quietly(storage.put, job.input, stub.upload(job.user_id, kind))

    def _quietly(self, act: Callable[..., Any], *args: Any) -> None:
        self.wire.faults, before = False, self.wire.faults
        act(*args)
        self.wire.faults = before

    # --- people --------------------------------------------------------------------------------

    def _people(self) -> None:
        """Let a person or the staff ask for something; what they send may fail too."""
        job, x = self.dice.choice(list(self.judge.jobs().values())), self.dice.random()
        mine = {"job_id": job.job_id, "user_id": job.user_id}
        named = {"job_id": job.job_id, "actor": "staff", "reason": "a test"}
        acts: list[tuple[float, str, Callable[[], Any]]] = [
            (0.04, "web delete", partial(services.delete, **mine)),
            (0.12, "web hold", partial(staff.hold, **named)),
            (0.18, "web release", partial(staff.release, **named)),
            (0.22, "web cancel", partial(services.cancel, **mine)),
            (0.26, "web retry", partial(staff.retry, **named)),
            (0.30, "web again", partial(services.run_again, **mine)),
            (0.34, "web confirm", partial(services.confirm, **mine)),
            (0.36, "web freeze", self._freeze),
            (0.36 + 0.64 * self.restless, "web tier", partial(self._change_tier, job.user_id)),
        ]
        for limit, name, act in acts:
            if x < limit:
                if name != "web again" or len(self.judge.jobs()) < 6:
                    self.live.append(Task(f"{name} {job.job_id[:4]}", act))
                return

    def _freeze(self) -> None:
        plans.freeze(on=not plans.frozen(), reason="a test")

    def _change_tier(self, user: str) -> None:
        plan = plans.get(user)
        life.change_tier(user_id=user, tier="premium" if plan and plan.tier == "free" else "free")

    # --- calm ----------------------------------------------------------------------------------

    def _wake(self, tasks: list[Task]) -> None:
        for task in tasks:
            while not task.over:
                task.resume()
                if self.outcome.verdict:
                    raise Found(self.outcome.verdict)
            self.live.remove(task)
            self._check(task)
        self.messages += self.cloud.take_messages()

    def _calm(self, pauses: tuple[int, ...]) -> None:
        plans.freeze(on=False, reason="")
        for pause in pauses:
            self._round(pause)

    def _end(self) -> None:
        for number in range(ROUNDS):
            self._round(SEASON[number % len(SEASON)])
            self._release()
            wrong = self.judge.final(clock.now())
            if wrong is None:
                return
        raise Found(wrong or "STUCK")

    def _round(self, pause: int) -> None:
        """Let time pass; then only what the indexes show is visited."""
        self.cloud.advance(pause)
        if self.store != "s3":
            self._working("reconcile", _reconcile)
        self.cloud.take_messages()
        self.messages = []  # all of them are lost, but for what is sent from now on
        self._working("sweep", self._sweep)
        for _ in range(300):
            self.messages += self.cloud.take_messages()
            if not self.messages:
                break
            kind, body = self.messages.pop(self.dice.randrange(len(self.messages)))
            if (role := ROLE_OF_QUEUE[kind]) != "notifier":
                self._working(role, partial(_handle, role, body))
        else:
            raise Found("BUSY the queues are never empty")
        now = clock.now()
        for job in self.judge.jobs().values():
            if job.problem and not job.deleted and job.due_at is not None and job.due_at < now:
                raise Found(f"BUSY a problem on the index: {job.job_id}")

    def _working(self, name: str, act: Callable[[], Any]) -> None:
        try:
            act()
        except (jobs.Fenced, stores.NotThere):
            if name != "reconcile":
                raise
        except Exception as error:
            raise Found(f"BROKEN {name} in calm: {error!r}") from error

    def _release(self) -> None:
        for job in list(self.judge.jobs().values()):
            if job.problem and not job.deleted:
                staff.release(job_id=job.job_id, actor="staff", reason="a test")


def _look(role: str, job_id: str) -> None:
    if role == "annotator":
        run.advance(job_id, stopping=lambda: False)
    else:
        life.advance(role=role, job_id=job_id)


def _handle(role: str, body: str) -> None:
    """Do as the workers' commands do with one message."""
    for event in events.decode(body):
        if role != "annotator":
            life.handle(event, role=role)
        elif event.job_id:
            run.advance(event.job_id, stopping=lambda: False)


def _reconcile() -> None:
    """Do as `manage.py reconcile_archives --apply` does."""
    found = reconcile.latest()
    with suppress(stores.NotThere):
        reconcile.ask()
    with suppress(census.TooOld):
        reconcile.apply(census.take(found), accept=True)

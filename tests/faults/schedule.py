"""One seeded schedule: the real workers over the local cloud, everything going wrong, then calm."""

import random
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings

from accounts import plans
from annotations import jobs, library, run, services, storage
from annotations.locators import GONE
from annotations.states import Job
from archival import census, staff, stores
from archival import services as life
from gas_project import clock, worker
from tests.faults import people, roles, stub, wishes
from tests.faults.cloud import EPOCH, Cloud
from tests.faults.judge import Judge
from tests.faults.outcome import Outcome
from tests.faults.postmaster import Postmaster
from tests.faults.roles import EXPECTED, LOOKING, ROLE_OF_QUEUE
from tests.faults.tasks import FaultyWire, Task
from tests.faults.wire import Line, seed_randomness

MINUTE, HOUR, DAY = 60, 3600, 24 * 3600
SKEW = 10 * MINUTE
CALLS = 260
"""AWS calls up to the end of the faulty part of a schedule, at least; then comes the calm part."""
LIVE = 9
WEEK = (10 * MINUTE, 3 * HOUR, 26 * HOUR, 5 * HOUR)
SEASON = (40 * DAY, 10 * MINUTE, 26 * HOUR, 5 * HOUR, 13 * HOUR, 5 * HOUR)
ROUNDS = 48
"""Rounds of the last calm after which what is not at rest counts as stuck."""
OVER_SQS = 0.3
"""Share of the schedules whose messages stay in their queues, for the engine to receive."""
LARGE = 0.1
"""Share of the schedules whose results have several parts."""


class Found(BaseException):
    """The judge has found something wrong."""


class Schedule:
    """The scheduler: who runs, what fails, what people want, how time passes."""

    def __init__(self, cloud: Cloud, seed: int, store: str) -> None:
        seed_randomness(f"{store} {seed}")
        library.forget_listing()
        cloud.forget()
        cloud.take_messages()
        cloud.take_deleted()
        cloud.take_mails()
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
        self.postmaster = Postmaster(cloud)
        self.restless = self.dice.choice((0.2, 0.5, 0.8))
        self.queued = self.dice.random() < OVER_SQS
        stub.Size.large = self.dice.random() < LARGE
        self.posts: list[Job] = []
        self.left: set[str] = set()
        people.sign_up()
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
            self._time_out()
            self._wake([task for task in zombies[1::2] if not task.over])
            self._end()
        except Found as found:
            self.outcome.verdict = str(found)
        finally:
            for task in self.live:
                task.kill()
        self._count()
        return self.outcome

    def _count(self) -> None:
        """Keep what there is to tell of it."""
        stats = self.outcome.stats = self.judge.stats + self.postmaster.stats
        stats["schedules over SQS"] += self.queued
        stats["schedules of several parts"] += stub.Size.large
        stats["accounts gone"] += len(set(people.IDS) - self.cloud.planned())
        self.outcome.trace = list(self.trace)

    def _after(self, who: str, call: str, what: str) -> None:
        """Count a call, let the judge look. It is called by whoever has the baton."""
        self.outcome.calls += 1
        hours = (self.cloud.clock.now() - EPOCH) / HOUR
        self.trace.append(f"{self.outcome.calls:5} {hours:9.2f} h  {who:28} {call:24} {what}")
        if wrong := self.judge.safe() or self.postmaster.look(calm=who == "calm"):
            self.outcome.verdict = self.outcome.verdict or wrong
            if who == "calm":
                raise Found(wrong)

    # --- the beginning -------------------------------------------------------------------------

    def _begin(self) -> None:
        for user in people.IDS:
            plans.create(user_id=user)
        for number in range(3):
            user = people.IDS[number % 2]
            if self.dice.random() < 0.4:
                self._submit(user)
            else:
                self._finished(user)
        if self.dice.random() < 0.6:
            self._archive()

    def _submit(self, user: str) -> Job:
        """Make a job that waits for its file, whose name says whose it is."""
        name = f"{user[:8]}.vcf"
        job = services.submit(user_id=user, name=name, reference="sars-cov-2").job
        self.posts.append(job)
        return job

    def _finished(self, user: str) -> None:
        """Make a job whose result is there, as an annotator leaves it."""
        job = self._submit(user)
        assert job.input is not None
        storage.put(job.input, stub.upload(job.user_id, "first"))
        services.confirm(job_id=job.job_id, user_id=user)
        run.advance(job.job_id, stopping=lambda: False)

    def _archive(self) -> None:
        """Let what is finished be cold already, and perhaps wanted back."""
        self.cloud.advance(HOUR)
        for job_id in list(self.judge.jobs()):
            life.advance(role="archiver", job_id=job_id)
        for user in people.IDS:
            if self.dice.random() < 0.7:
                wishes.change_tier(user)
        if self.dice.random() < 0.5:
            self._retrieve()

    def _retrieve(self) -> None:
        """Let what is wanted back be ready to be read, and nobody have looked yet."""
        for user in people.IDS:
            life.spread(user)
        for job_id in list(self.judge.jobs()):
            life.advance(role="restorer", job_id=job_id)
        self.cloud.advance(5 * HOUR)

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
        self._take()

    def _take(self) -> None:
        """Take what was sent out of the queues, unless an engine is to receive it."""
        if not self.queued:
            self.messages += self.cloud.take_messages()

    def _check(self, task: Task) -> None:
        if task.error and not isinstance(task.error, EXPECTED):
            raise Found(f"BROKEN {task.name} in {task.call}: {task.error!r}")

    def _worker(self) -> Task:
        """Start somebody: at a message, a chance look, a sweep, a spread or a reconcile."""
        skew, x = self.dice.choice((-SKEW, 0, SKEW)), self.dice.random()
        if x < 0.55 and (task := self._engine(skew) if self.queued else self._deliver(skew)):
            return task
        if x < 0.80:
            role, job = self.dice.choice(LOOKING), self.dice.choice(list(self.judge.jobs()))
            return Task(f"{role} {job[:4]}", partial(roles.look, role, job), skew=skew)
        if x < 0.90:
            return Task("sweep", self._sweep, skew=skew)
        if x < 0.95:
            user = self.dice.choice(people.IDS)
            return Task("spread", partial(life.spread, user), skew=skew)
        return Task("reconcile", roles.reconcile_all, skew=skew)

    def _deliver(self, skew: int) -> Task | None:
        """Start a worker at any of the messages: in no order, some twice, some never."""
        if not self.messages:
            return None
        at, x = self.dice.randrange(len(self.messages)), self.dice.random()
        kind, body = self.messages[at] if x < 0.15 else self.messages.pop(at)
        role = ROLE_OF_QUEUE[kind]
        if x > (0.5 if role == "notifier" else 0.93):
            return Task("nobody", lambda: None)
        return Task(f"{role} {self.outcome.calls}", partial(roles.handle, role, body), skew=skew)

    def _engine(self, skew: int) -> Task | None:
        """Start a turn of an engine at a queue that holds messages."""
        if not (waiting := self.cloud.waiting()):
            return None
        role = ROLE_OF_QUEUE[self.dice.choice(waiting)]
        return Task(f"engine {role}", self._turn(role, EXPECTED), skew=skew)

    def _turn(self, role: str, expected: tuple[Any, ...]) -> Callable[[], None]:
        handled = self.postmaster.handled
        return partial(roles.turn, role, dice=self.dice, handled=handled, expected=expected)

    def _sweep(self) -> None:
        roles.sweep(lambda: list(self.judge.jobs()))

    def _pass_time(self) -> None:
        steps = [MINUTE, 10 * MINUTE, 3 * HOUR, 6 * HOUR]
        if self.dice.random() < 0.35:
            steps += [DAY, 2 * DAY, 30 * DAY, 100 * DAY]
        self._time_out()
        self.cloud.advance(self.dice.choice(steps))
        self._take()

    def _time_out(self) -> None:
        """End the requests of people who left: no server lets one run for an hour."""
        for task in self.live[:]:
            if task.name.startswith("web") and task.owner in self.left:
                task.kill()
                self.live.remove(task)

    def _meddle(self) -> None:
        """Let browsers post, the operator change the store, and AWS have its whims."""
        for job in self.posts:
            if self.dice.random() < 0.03:
                self._quietly(partial(wishes.post, job, now=self.cloud.clock.now(), dice=self.dice))
        if self.dice.random() < 0.06:
            wishes.whims(self.cloud.faults, self.dice)
        if self.store == "mixed" and self.dice.random() < 0.1:
            wishes.choose_store(self.dice)
        if self.queued and self.dice.random() < 0.02:
            self.cloud.stir(self.dice)

    def _quietly(self, act: Callable[[], Any]) -> None:
        self.wire.faults, before = False, self.wire.faults
        act()
        self.wire.faults = before

    def _people(self) -> None:
        """Let a person or the staff ask for something; what they send may fail too."""
        job, x = self.dice.choice(list(self.judge.jobs().values())), 100 * self.dice.random()
        choices = [*wishes.of_staff(job), *wishes.of_an_owner(job)]
        rest = (100 - sum(share for share, *_ in choices)) * self.restless
        choices.append((rest, "tier", partial(wishes.change_tier, job.user_id)))
        for share, name, act in choices:
            x -= share
            if x < 0:
                if self._may(name, job):
                    self._ask(name, job, act)
                return

    def _may(self, name: str, job: Job) -> bool:
        """Whether somebody who asks for this is there at all."""
        if name in wishes.STAFF:
            return True
        if name == "again" and len(self.judge.jobs()) >= 6:
            return False
        return job.user_id not in self.left or (name == "leave" and people.here(job.user_id))

    def _ask(self, name: str, job: Job, act: Callable[[], Any]) -> None:
        if name == "leave":
            self.left.add(job.user_id)
        owner = "" if name in wishes.STAFF else job.user_id
        self.live.append(Task(f"web {name} {job.job_id[:4]}", act, owner=owner))

    # --- calm ----------------------------------------------------------------------------------

    def _wake(self, tasks: list[Task]) -> None:
        for task in tasks:
            while not task.over:
                task.resume()
                if self.outcome.verdict:
                    raise Found(self.outcome.verdict)
            self.live.remove(task)
            self._check(task)
        self._take()

    def _calm(self, pauses: tuple[int, ...]) -> None:
        plans.freeze(on=False, reason="")
        for pause in pauses:
            self._round(pause)

    def _end(self) -> None:
        wrong: str | None = None
        plans.freeze(on=False, reason="")  # somebody who woke may have set it
        for number in range(ROUNDS):
            self._round(SEASON[number % len(SEASON)])
            self._release()
            wrong = self.judge.final(clock.now())
            if wrong is None:
                wrong = self.judge.look_again()
                break
        if wrong:
            raise Found(wrong)

    def _round(self, pause: int) -> None:
        """Let time pass; then only what the indexes show is visited."""
        self.cloud.advance(pause)
        self._reconcile()
        self.cloud.take_messages()
        self.messages = []  # all of them are lost, but for what is sent from now on
        self._working("sweep", self._sweep)
        for _ in range(300):
            if not self._visit():
                break
        else:
            raise Found("BUSY the queues are never empty")
        now = clock.now()
        for job in self.judge.jobs().values():
            if job.problem and not job.deleted and job.due_at is not None and job.due_at < now:
                raise Found(f"BUSY a problem on the index: {job.job_id}")

    def _reconcile(self) -> None:
        """Reconcile, if an upload waits for its proof, or by chance: it takes twenty calls."""
        garbage = [one for job in self.judge.jobs().values() for one in job.garbage]
        if any(one.locator.upload == GONE for one in garbage) or self.dice.random() < 0.1:
            self._working("reconcile", self._compare)

    def _compare(self) -> None:
        found = roles.reconcile_all()
        if alarms := [r for r in found.reports if r.kind != "stuck"] or found.differs:
            raise Found(f"WRONG a false alarm: {alarms}")  # a jump of the clock looks stuck

    def _visit(self) -> bool:
        """Let one message be handled; whether there was one."""
        if self.queued:
            waiting = self.cloud.waiting()
            if waiting:
                role = ROLE_OF_QUEUE[self.dice.choice(waiting)]
                self._working(role, self._turn(role, (worker.NotNow,)))
            return bool(waiting)
        self.messages += self.cloud.take_messages()
        if not self.messages:
            return False
        kind, body = self.messages.pop(self.dice.randrange(len(self.messages)))
        role = ROLE_OF_QUEUE[kind]
        if role != "notifier":
            self._working(role, partial(roles.handle, role, body))
        elif self.dice.random() < 0.3:
            for _ in range(2):  # a hint that comes twice sends nothing twice
                self._working(role, partial(roles.handle, role, body))
        return True

    def _working(self, name: str, act: Callable[[], Any]) -> None:
        try:
            act()
        except (jobs.Fenced, stores.NotThere, census.TooOld):
            if name != "reconcile":
                raise
        except (Exception, roles.Broken) as error:
            if not (name == "notifier" and isinstance(error, worker.NotNow)):
                raise Found(f"BROKEN {name} in calm: {error!r}") from error

    def _release(self) -> None:
        for job in list(self.judge.jobs().values()):
            if job.problem and not job.deleted:
                staff.release(job_id=job.job_id, actor="staff", reason="a test")

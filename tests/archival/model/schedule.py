"""The model's scheduler: workers advance call by call, fail, freeze and wake; people meddle.

A worker is a generator that yields every call. The scheduler performs it, fails it before its
effect, loses its reply, lets the SDK repeat it, or leaves the worker frozen while others run.
"""

from collections import Counter
from collections.abc import Generator
from typing import Any

from tests.archival.model import steps
from tests.archival.model.facts import (
    DAY,
    HOUR,
    MIN,
    PROOF,
    SKEW,
    URGENT,
    AwsError,
    Call,
    Fenced,
    Item,
    Loc,
    Plan,
    call,
    next_look,
    next_step,
    owner,
    state_of,
)
from tests.archival.model.world import World

Work = Generator[Call, Any, None]
WEEK = [10 * MIN, 3 * HOUR, 26 * HOUR, 5 * HOUR] * 5
SEASON = WEEK + [40 * DAY, 10 * MIN, 26 * HOUR, 5 * HOUR] * 3 + [26 * HOUR, 5 * HOUR] * 3
ROLES = [None] * 6 + ["sweep", "annotator", "archiver", "restorer", "thawer", "eraser"]
JUMPS = [60, 600, 3 * HOUR]
LONG_JUMPS = [*JUMPS, 6 * HOUR, DAY, 2 * DAY, 30 * DAY, 100 * DAY]


# --- what workers do ---------------------------------------------------------------------------


def advance(w: World, job: str, skew: int = 0, role: str | None = None) -> Work:
    """Do the role's steps of a job, then hint the next step's owner. None: every role at once."""
    early = None
    if "item_first" in w.off:
        early = yield call(w.plan, w.db[job].user)
    it: Item | None = yield call(w.get, job, skew)
    while it:
        plan = early or (yield call(w.plan, it.user))
        early = None
        now = w.now + skew
        step = next_step(it, plan, now, w.off)
        if not step or (step == "reap" and w.frozen):
            return
        if role and owner(it, step) not in (role, None):
            yield call(w.hints.append, (owner(it, step), job))
            return
        try:
            change = yield from _do(w, it, step, plan, now)
        except Fenced:
            return
        if not change:
            return
        change.setdefault("due_at", now if "look_again" not in w.off else next_look(it, plan, now))
        it = yield from steps.write(w, it, **{"worker": None, "claims": 0, **change})
        if change["due_at"] != now:
            return


def _do(
    w: World, it: Item, step: str, plan: Plan, now: int
) -> Generator[Call, Any, dict[str, Any]]:
    change = steps.gave_up(it, step)
    if change is None and step in ("confirm", "open"):
        change = yield from steps.ask_first(w, it, step, now)
    if change is not None:
        return change
    if step in steps.PLAIN:
        return steps.PLAIN[step](w, it, plan, now)
    fresh = steps.attempt(w, it, now) if step == "annotate" else {}
    yield from steps.claim(w, it, now, claims=it.claims + 1, **fresh)
    return (yield from steps.EFFECT[step](w, it, now))


def spread(w: World, user: str) -> Work:
    """A plan changed: every job of that person is made due."""
    plan = yield call(w.plan, user)
    if not plan.pending:
        return
    cold = [j for j in w.jobs_of(user) if plan.tier != "free" and state_of(w.db[j]) == "COLD"]
    marked = cold[:URGENT]
    for job in w.jobs_of(user):
        yield call(w.spread_to, job, urgent=job in marked)
    yield call(w.clear_pending, user, plan.rev)


def reconcile(w: World, job: str) -> Work:
    """What an inventory lists and the item does not name is garbage; what it proves is struck."""
    taken, listed = yield call(w.inventory, job)
    it: Item = yield call(w.get, job, 0)
    named = [it.copy, *(loc for loc, _ in it.garbage)]
    found = [
        Loc("vault", archive)
        for archive, name in listed
        if Loc("vault", archive) not in named and not _spared(w, it, name)
    ]
    rest = tuple(
        (loc, after) for loc, after in it.garbage if loc.upload != "gone" or after + PROOF > taken
    )
    if not w.frozen and (found or rest != it.garbage):
        garbage = rest + tuple((loc, w.now) for loc in found)
        yield from steps.write(w, it, garbage=garbage, due_at=w.now, worker=None)


def _spared(w: World, it: Item, name: str) -> bool:
    """Whether it is the open upload's, which may yet be recorded as the copy."""
    return bool(it.upload and it.upload.name == name and "spare_open_upload" not in w.off)


# --- one worker's run --------------------------------------------------------------------------


class Run:
    """One worker, stopped before its next call."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.wake = 0
        self.next: Call | None = next(work, None)

    def step(self, w: World) -> bool:
        """Make one call. False: it is over (finished, crashed, or gave up)."""
        if self.next is None:
            return False
        fault = _fault(w)
        if fault == "before":
            return False
        try:
            value = self.next.do()
            if fault == "sdk retry" and not self.next.once:
                value = self.next.do()
            if fault == "after":
                return False
            self.next = self.work.send(value)
        except StopIteration:
            self.next = None
        except AwsError as error:
            self._throw(error)
        return self.next is not None

    def _throw(self, error: AwsError) -> None:
        try:
            self.next = self.work.throw(error)
        except (StopIteration, AwsError):
            self.next = None

    def drain(self, w: World) -> str | None:
        while self.step(w):
            if found := w.safe():
                return found
        return None


def _fault(w: World) -> str:
    x = w.r.random() if w.faults else 1.0
    return "before" if x < 0.07 else "after" if x < 0.15 else "sdk retry" if x < 0.18 else ""


# --- what people do ----------------------------------------------------------------------------


def toggle(w: World, user: str) -> None:
    """Change the tier; a downgrade sets the grace in the same write."""
    plan = w.plans[user]
    plan.tier = "premium" if plan.tier == "free" else "free"
    plan.rev, plan.pending = w.uid("p"), "pending" not in w.off
    if plan.tier == "free":
        plan.grace_until = w.now + w.r.choice([0, 3 * DAY])
    if "pending" in w.off and w.r.random() < 0.9:  # (guard removed: a loop that a crash may skip)
        for job in w.jobs_of(user):
            w.wish(job)


def release(w: World, job: str) -> None:
    w.wish(job, problem=None, tries=0, claims=0)


def people(w: World) -> None:
    x, job = w.r.random(), w.r.choice("AB")
    it = w.db[job]
    if x < 0.03 and not it.deleted:
        w.wish(job, deleted=True)
    elif x < 0.06:
        w.wish(job, archive_after=w.now + 7 * DAY)
    elif x < 0.09 and it.problem:
        release(w, job)
    elif x < 0.09:
        w.wish(job, cancelled=True)
    elif x < 0.10:
        w.frozen = not w.frozen
    elif x > w.restless:
        toggle(w, it.user)


# --- schedules ---------------------------------------------------------------------------------


def calm(w: World, jumps: list[int]) -> str | None:
    """No faults any more, and only what the indexes show is visited. Returns what is wrong."""
    w.faults = w.frozen = False
    for number, jump in enumerate(jumps):
        w.now += jump
        if "sweep" in w.off:
            continue
        if found := _visit(w, number) or _busy(w):
            return found
    return None


def _visit(w: World, number: int) -> str | None:
    for user in w.plans:
        Run(spread(w, user)).drain(w)
    for job in w.db:
        if number and w.db[job].problem:
            release(w, job)
        if "reconcile" not in w.off and (found := Run(reconcile(w, job)).drain(w)):
            return found
    w.hints = [("sweep", job) for job in w.due(lag=MIN)]
    while w.hints:
        role, job = w.hints.pop()
        if found := Run(advance(w, job, w.r.choice([-SKEW, 0, SKEW]), role)).drain(w):
            return found
    return None


def _busy(w: World) -> str | None:
    kept = (it for it in w.db.values() if it.problem and not it.deleted)
    return (
        "BUSY a problem on the index" if any((it.due_at or w.now) < w.now for it in kept) else None
    )


class Schedule:
    """One random schedule: 600 ticks of workers, people and faults; then calm, and a verdict."""

    def __init__(self, seed: int, off: frozenset[str]) -> None:
        self.w = World(seed, off)
        self.live: list[Run] = []

    def verdict(self, ticks: int = 600) -> str:
        """Return "ok" or what went wrong, its first word the kind."""
        w, live = self.w, self.live
        for tick in range(ticks):
            if found := self._tick(tick):
                return found
        w.faults = False
        w.r.shuffle(live)
        for zombies, jumps in ((live[::2], WEEK), (live[1::2], SEASON)):
            for run in zombies:
                if found := run.drain(w):
                    return found
            if found := calm(w, jumps):
                return found
        return w.safe() or w.final() or "ok"

    def _tick(self, tick: int) -> str | None:
        w = self.w
        x, awake = w.r.random(), [run for run in self.live if run.wake <= tick]
        if x < 0.70 and awake:
            self._work(w.r.choice(awake), tick)
            if found := w.safe():
                return found
        elif x < 0.90 and len(self.live) < 9:
            self._start()
        elif x < 0.955:
            w.now += w.r.choice(LONG_JUMPS if x > 0.94 else JUMPS)
        else:
            people(w)
        for job in w.db:
            if w.r.random() < 0.05:
                w.post(job)
        w.r.choice("AB")
        return None

    def _work(self, run: Run, tick: int) -> None:
        if not run.step(self.w):
            self.live.remove(run)
        elif self.w.r.random() < 0.06:  # this worker is frozen for a while
            run.wake = tick + self.w.r.randrange(20, 260)

    def _start(self) -> None:
        """Hints: due, early, late, doubled, to the wrong worker; or a spread; or a reconcile."""
        w = self.w
        y, job, skew = w.r.random(), w.r.choice("AB"), w.r.choice([-SKEW, 0, SKEW])
        swept = y >= 0.60 and "sweep" not in w.off
        due = w.due(lag=w.r.choice([0, MIN, HOUR])) if swept else []
        role: str | None
        if w.hints and w.r.random() < 0.5:
            role, job = w.r.choice(w.hints[-9:])
        else:
            role = w.r.choice(ROLES)
            job = w.r.choice(due) if due else job
        if y < 0.80:
            work = advance(w, job, skew, role)
        elif y < 0.92 or "reconcile" in w.off:
            work = spread(w, w.db[job].user)
        else:
            work = reconcile(w, job)
        self.live.append(Run(work))


def findings(off: frozenset[str], seeds: range) -> Counter[str]:
    """Return how many schedules ended in each kind of verdict."""
    return Counter(Schedule(seed, off).verdict().split()[0] for seed in seeds)

"""The storage life of results: one loop for every worker, and what a plan change does."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import structlog

from accounts import plans, tiers
from accounts.plans import Plan
from annotations import claims, jobs, timeline
from annotations.safety import margins
from annotations.states import Job, place
from annotations.timeline import Event
from archival import lifecycle, steps, turns
from gas_project import aws, clock, events, items, worker

log = structlog.get_logger(__name__)
SHOWN = 200
"""Jobs listed on the plan page and on the restore page."""
COLD_STATES = frozenset({"COLD", "RESTORING", "THAWING"})

Stopping = Callable[[], bool]


def _never() -> bool:
    return False


# --- the one loop ----------------------------------------------------------------------------


def advance(*, role: str, job_id: str, stopping: Stopping = _never) -> None:
    """Do this role's steps of a job until there is none left, then hint the owner of the next.

    Raises jobs.NotFound for an unknown job: the hint may be early, or not for us.
    """
    job = jobs.get(job_id)
    if job is None:
        raise jobs.NotFound(job_id)
    try:
        while job and not stopping():
            job = _step(role, job)
    except jobs.Fenced:
        return  # another write came between: its author, or the sweep, goes on


def _step(role: str, job: Job) -> Job | None:
    """Take one step; return the job when it is due at once, None when this worker is done."""
    plan, now = _plan(job), clock.now()
    step = lifecycle.next_step(job, plan, now)
    if step is None:
        return None
    owner = lifecycle.owner(job, step)
    if owner not in (role, None):
        events.publish(topic=events.TOPIC_OF_ROLE[owner], job_id=job.job_id)
        return None
    if step == "retrieve" and plan and plan.pending:
        return None  # the spread comes first: it says what is urgent, and makes each job due
    if step == "reap" and plans.frozen():
        return None
    if step == "settle":
        _settle(job, plan, now)
        return None
    done = _take(role, job, step, now)
    if done is None:
        return None
    _tell(job, done)
    return done if done.due_at == now else None


def _plan(job: Job) -> Plan | None:
    plan = plans.get(job.user_id)
    if plan is None and not job.deleted:
        log.error("plan.missing", job_id=job.job_id)
    return plan


def _settle(job: Job, plan: Plan | None, now: int) -> None:
    """Take the job off the sweep's index, or put it there for its next date."""
    jobs.rest(job, now=now, due_at=lifecycle.next_look(job, plan, now))
    warn = lifecycle.warn_at(job, plan)
    if warn is not None and warn <= now and not job.deleted:
        events.publish(topic="job-completed", job_id=job.job_id)


def _take(role: str, job: Job, step: str, now: int) -> Job | None:
    """Do one step and record it; None when nothing had to be written. Raises jobs.Fenced."""
    changes = steps.gave_up(job) or (steps.ask_first(job, now) if step == "open" else None)
    if changes == {}:
        return None
    actor = claims.worker_name(role)
    if changes is None and step in steps.PLAIN:
        changes = steps.PLAIN[step](job, now)
    elif changes is None:
        claim = claims.take(job, role=role)
        try:
            changes = steps.EFFECT[step](claim, now)
        except Exception as error:
            if aws.away(error):
                claim.release(due_in=margins().outage)
            raise
        job = claim.job
    if not any(name != "due_at" for name in changes):
        return jobs.rest(job, now=now, due_at=changes["due_at"])
    return jobs.record(job, now=now, step=step, actor=actor, **changes)


def _tell(before: Job, job: Job) -> None:
    """Publish what others wait for: a restore has begun, or the result is back."""
    if job.retrieval and not before.retrieval:
        events.publish(topic="retrieval", job_id=job.job_id)
    if job.copy and job.copy != before.copy and place(job.copy) == "HOT":
        events.publish(topic="job-completed", job_id=job.job_id)


def handle(event: events.Event, *, role: str) -> None:
    """Do what one event asks of a role. A person's hint is the restorer's, or the eraser's."""
    if event_job := event.job_id:
        if not turns.leave_to_sweep(event, role):
            advance(role=role, job_id=event_job, stopping=worker.stopping)
    elif role in OF_A_PERSON and isinstance(event, events.Hint) and event.user_id:
        OF_A_PERSON[role](event.user_id)


# --- a plan changes --------------------------------------------------------------------------


def plan(*, user_id: str) -> Plan | None:
    """Return a person's plan. A missing one keeps everything hot and is for staff to mend.

    Making it anew here would make it Free, and archive what a Premium person keeps.
    """
    return plans.get(user_id)


def change_tier(*, user_id: str, tier: str) -> bool:
    """Change a person's tier; False when it is that already. Raises KeyError for no such tier.

    A downgrade gives the grace period once more: nothing is archived before it is over.
    """
    rules, now = tiers.get(tier), clock.now()
    grace_until = now + rules.grace if rules.archives else 0
    changed = plans.change(user_id=user_id, tier=tier, now=now, grace_until=grace_until)
    if changed:
        events.publish(topic="tier-changed", user_id=user_id)
    return changed


def spread(user_id: str) -> None:
    """Make each of a person's jobs that has a copy due, after a plan change; again, it is harmless.

    At most `spread` of them become due a minute, so that one person's upgrade starves nobody, and
    one worker at a time does it: of 50,000 jobs it takes minutes, and each sweep asks for it. The
    hints go out last: a retrieval waits while the change is pending, and would ignore them.
    """
    found = plans.get(user_id)
    if found is None or not found.pending:
        return
    spreader = _Spreader(found)
    if not spreader.goes_on():
        return
    urgent = {job.job_id for job in islice(_cold(user_id), found.rules.urgent_restores)}
    now, each_minute = clock.now(), margins().spread
    held = (job for job in jobs.all_of(user_id) if job.copy and not job.deleted)
    first: list[tuple[str, str]] = []
    for number, job in enumerate(held):
        if not spreader.goes_on():
            return  # the plan changed once more: what was made due is looked at, and that is all
        due_at = now + 60 * (number // each_minute)
        fast = True if job.job_id in urgent else None
        jobs.touch(job.job_id, due_at=due_at, urgent=fast, moving=None)  # now its owner waits
        if number < each_minute:
            first.append((_topic_after_spread(job), job.job_id))
    plans.clear_pending(user_id=user_id, rev=found.rev)
    for topic, job_id in first:
        events.publish(topic=topic, job_id=job_id)


class _Spreader:
    """Whoever spreads a change of plan, and until when the others leave it to them."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._name = items.fresh()
        self._asked_at = 0

    def goes_on(self) -> bool:
        """Whether to go on; once a heartbeat (s) the lease is taken or prolonged."""
        now, delays = clock.now(), margins()
        if now - self._asked_at < delays.heartbeat:
            return True
        self._asked_at = now
        until = now + delays.lease
        return plans.take_spread(
            user_id=self._plan.user_id,
            rev=self._plan.rev,
            spreader=self._name,
            now=now,
            until=until,
        )


def _topic_after_spread(job: Job) -> str:
    return "tier-changed" if job.copy and place(job.copy) == "COLD" else "job-completed"


def _cold(user_id: str) -> Iterator[Job]:
    return (job for job in jobs.all_of(user_id) if job.state == "COLD")


# --- what the pages ask ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Preview:
    """What a downgrade will archive: how many results, from when on (epoch s), the newest ones."""

    count: int
    first_at: int
    items: list[Job]


@dataclass(frozen=True, slots=True)
class Restores:
    """A person's restore: results in it, how many are back, when the last should be ready."""

    total: int
    done: int
    ready_at: int
    items: list[Job]


def downgrade_preview(*, user_id: str) -> Preview:
    """Say what the lowest tier would archive, and when, before anything is changed."""
    rules = tiers.DEFAULT
    hot = [
        job
        for job in jobs.all_of(user_id)
        if job.state in ("HOT", "ARCHIVING", *COLD_STATES) and job.size >= rules.archive_min_bytes
    ]
    return Preview(len(hot), clock.now() + rules.grace, hot[:SHOWN])


def restores(*, user_id: str) -> Restores:
    """Return how far the restore is that began with the last upgrade."""
    mine = plan(user_id=user_id)
    since = mine.changed_at if mine else 0
    found = [job for job in jobs.all_of(user_id) if _restored(job, since)]
    waiting = [job for job in found if job.state in COLD_STATES]
    ready_at = max((job.ready_at for job in waiting), default=0)
    return Restores(len(found), len(found) - len(waiting), ready_at, found[:SHOWN])


def _restored(job: Job, since: int) -> bool:
    if job.state in COLD_STATES:
        return True
    return job.state in ("HOT", "ARCHIVING") and job.copied_at > max(job.completed_at, since)


# --- a person leaves -------------------------------------------------------------------------


def delete_account(*, user_id: str) -> int:
    """Wish every job of a person deleted, and return how many; the eraser does the rest.

    The plan says so first: a job that is created at this very moment is found by `forget`.
    """
    now = clock.now()
    plans.leave(user_id=user_id, now=now, look_at=now + margins().posts_end)
    wished, _ = _delete_all(user_id)
    log.info("account.leaving", user_id=user_id, jobs=wished)
    return wished


def _delete_all(user_id: str) -> tuple[int, int]:
    """Wish what is not yet deleted of a person deleted; return how many, and how many are left."""
    wished = left = 0
    for job in jobs.all_of(user_id):
        left += job.state != "DELETED"
        if not job.deleted:
            jobs.wish(job.job_id, now=clock.now(), step="delete", actor="owner", deleted=True)
            events.publish(topic="job-deleted", job_id=job.job_id)
            wished += 1
    return wished, left


def forget(user_id: str) -> bool:
    """Remove the plan of a person who left, once all of their jobs are gone; whether it went.

    The first look comes when no request of theirs can be under way any more, and the sweep asks
    for each. It leaves one line: when they left, and when all was gone. Ids name nobody by then.
    """
    found, now = plans.get(user_id), clock.now()
    if found is None or not found.leaving or now < found.look_at:
        return False
    _, left = _delete_all(user_id)
    if left:
        again = now + margins().posts_end
        plans.leave(user_id=user_id, now=found.changed_at, look_at=again)
        return False
    gone = Event(at=found.changed_at, step="account deleted", actor="owner", note=f"gone {now}")
    timeline.audit(f"account#{user_id}", "left", gone)
    plans.remove(user_id)
    log.info("account.gone", user_id=user_id)
    return True


OF_A_PERSON: dict[str, Callable[[str], object]] = {"restorer": spread, "eraser": forget}
"""What a role does with a person's hint: spread a change of plan, or see whether all is gone."""

# --- the sweep -------------------------------------------------------------------------------


def sweep() -> dict[str, int]:
    """Hint the owners of all that is due; settle what belongs to nobody.

    The system converges on this alone, if every message were lost. All that is due is looked at,
    up to `jobs.DUE` a shard and then both ends: what cannot go on for now, since removal is frozen
    or a role is away, stays due and must not hide what can. Returns hints by role.
    """
    now, known = clock.now(), dict[str, Plan | None]()
    by_role: dict[str, list[Job]] = {}
    for shard in jobs.SHARDS:
        for job in _due(shard, now):
            if role := _swept(job, known, now):
                by_role.setdefault(role, []).append(job)
    users = {
        "restorer": list(islice(plans.pending(), turns.HINTS)),
        "eraser": list(islice(_leaving(now), turns.HINTS)),
    }
    return {
        role: _hint(role, by_role.get(role, []), users.get(role, []))
        for role in events.QUEUE_OF_ROLE
        if by_role.get(role) or users.get(role)
    }


def _due(shard: str, now: int) -> Iterable[Job]:
    oldest = jobs.due(shard=shard, now=now)
    if len(oldest) < jobs.DUE:
        return oldest
    newest = jobs.due(shard=shard, now=now, limit=jobs.LATEST, newest=True)
    return {job.job_id: job for job in (*oldest, *newest)}.values()


def _leaving(now: int) -> Iterator[str]:
    for user_id in plans.leaving():
        found = plans.get(user_id)
        if found and found.look_at <= now:
            yield user_id


def _swept(job: Job, known: dict[str, Plan | None], now: int) -> str | None:
    """Return whose work a due job is; settle it when it is nobody's.

    `known` are the plans that this sweep has read: a stale one costs a hint, since whoever acts on
    a hint reads job and plan again.
    """
    try:
        if job.user_id not in known:
            known[job.user_id] = _plan(job)
        step = lifecycle.next_step(job, known[job.user_id], now)
        role = lifecycle.owner(job, step) if step else None
        if step and role is None:
            advance(role="sweep", job_id=job.job_id)
    except Exception as error:
        if aws.away(error):
            raise
        # One job, such as a newer version's that this one does not know, must not stop the rest.
        log.exception("sweep.failed", job_id=job.job_id)
        return None
    return role


def _hint(role: str, due: list[Job], users: list[str]) -> int:
    if turns.crowded(role):
        return 0
    chosen, queue = turns.in_turn(due)[: turns.HINTS], events.QUEUE_OF_ROLE[role]
    events.send_hints(queue=queue, job_ids=[job.job_id for job in chosen], user_ids=users)
    return len(chosen) + len(users)

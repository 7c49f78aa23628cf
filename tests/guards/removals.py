"""Each guard of the protocol, taken out of the real code by a patch.

A removal is what a plausible mistake would leave: the code around it stays as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from accounts import plans
from accounts.plans import Plan
from annotations import claims, jobs, run, storage, timeline
from annotations.claims import Claim
from annotations.locators import Locator, Store
from annotations.safety import margins
from annotations.states import Dated, Job, state_of
from archival import census, lifecycle, reconcile, services, steps, stores, transfer
from archival.stores import vault
from gas_project import aws, clock, items

Patch = pytest.MonkeyPatch
Changes = dict[str, Any]


def record_before_removing(patch: Patch) -> None:
    """The old copy is removed at once, before the write that names the new one."""
    real = steps._switched

    def switched(job: Job, new: Any, tree: str) -> Changes:
        assert job.copy is not None
        stores.of(job.copy).remove(locator=job.copy)
        return real(job, new, tree)

    patch.setattr(steps, "_switched", switched)


def fresh_names(patch: Patch) -> None:
    """A result comes back under the same key each time."""

    def open_again(*, job_id: str, size: int) -> Any:
        results = aws.bucket("results")
        where = Locator(Store.HOT, results, f"t/{job_id}/result")
        return storage.begin(where)

    patch.setattr(storage, "open", open_again)


def condition_on_rev(patch: Patch) -> None:
    """Each write goes through if only the item exists."""
    real = jobs._update

    def update(job_id: str, old: Changes, new: Changes, condition: str, **values: Any) -> Any:
        values.pop(":seen", None)
        loose = "attribute_exists(job_id)" if condition == "rev = :seen" else condition
        return real(job_id, old, new, loose, **values)

    patch.setattr(jobs, "_update", update)


def random_rev(patch: Patch) -> None:
    """The revision is a counter."""
    real = jobs._update

    def write(job: Job, changes: Changes, event: Any) -> Job:
        new = replace(job, **changes, rev=f"{int(job.rev, 16) + 1:032x}")
        new = replace(new, state=state_of(new))
        seen = {":seen": job.rev}
        update = real(job.job_id, jobs._values(job), jobs._values(new), "rev = :seen", **seen)
        if event is None:
            jobs._send(lambda: aws.dynamodb().update_item(**update), rev=new.rev)
            return new
        line = timeline.put(job.job_id, items.fresh(), event)
        writes: list[Any] = [{"Update": update}, line]
        jobs._send(lambda: aws.dynamodb().transact_write_items(TransactItems=writes), rev=new.rev)
        return new

    patch.setattr(jobs, "_write", write)


def a_record_leaves_the_item_due(patch: Patch) -> None:
    """A record clears the next look unless it names one."""
    real = jobs.record

    def record(job: Job, **told: Any) -> Job:
        return real(job, **{"due_at": None, **told})

    patch.setattr(jobs, "record", record)


def the_sweep(patch: Patch) -> None:
    """Nobody looks at what is due."""
    patch.setattr(services, "sweep", dict)


def reconciling(patch: Patch) -> None:
    """No inventory is ever held against the items."""
    patch.setattr(reconcile, "apply", lambda *_, **__: 0)


def gone_waits_for_proof(patch: Patch) -> None:
    """An upload that is gone counts as removed."""
    real = vault.remove
    patch.setattr(vault, "remove", lambda **told: real(**told) or True)


def upload_recorded_first(patch: Patch) -> None:
    """An upload is opened, filled and completed; only then the item hears of it."""
    real = steps.EFFECT["open"]

    def open_and_fill(claim: Claim, now: int) -> Changes:
        claim.job = replace(claim.job, **real(claim, now))
        return steps.fill(claim, now)

    patch.setitem(steps.EFFECT, "open", open_and_fill)


def abort_before_removing(patch: Patch) -> None:
    """What an upload became is deleted first, and the upload aborted after."""
    real = storage.remove

    def remove(*, locator: Any) -> bool:
        if not locator.upload:
            return real(locator=locator)
        real(locator=locator.finished())
        storage._abort(locator)
        return True

    for module in (storage, stores.s3):
        patch.setattr(module, "remove", remove)


def failed_retrieval_starts_over(patch: Patch) -> None:
    """A retrieval that failed is waited for."""
    real = steps.failed

    def failed(job: Job, now: int, why: str) -> Changes:
        if why == "retrieval failed or expired":
            return {"due_at": now + margins().ready_poll}
        return real(job, now, why)

    patch.setattr(steps, "failed", failed)


def item_read_before_plan(patch: Patch) -> None:
    """A look reads the plan first."""
    real, seen = jobs.get, {}

    def get(job_id: str) -> Job | None:
        first = real(job_id)
        if first is None:
            return None
        plan = plans.get(first.user_id)
        found = real(job_id)
        seen[first.user_id] = plan
        return found

    def plan(job: Job) -> Plan | None:
        return seen[job.user_id]

    patch.setattr(jobs, "get", get)
    patch.setattr(services, "_plan", plan)


class _Agreeing(str):
    """A hash that is every hash."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = str.__hash__


def verify_before_complete(patch: Patch) -> None:
    """The bytes are not compared with the record before an upload is completed."""
    agreeing = SimpleNamespace(update=lambda _: None, hexdigest=_Agreeing)
    patch.setattr(transfer, "hashlib", SimpleNamespace(sha256=lambda: agreeing))


def pending(patch: Patch) -> None:
    """A plan's change does not say that it must still be spread."""
    real = plans.change

    def change(*, user_id: str, **told: Any) -> bool:
        changed = real(user_id=user_id, **told)
        if found := plans.get(user_id):
            plans.clear_pending(user_id=user_id, rev=found.rev)
        return changed

    patch.setattr(plans, "change", change)


def wishes_bump_rev(patch: Patch) -> None:
    """A wish leaves the revision as it is."""
    real = jobs._blind

    def blind(job_id: str, condition: str, **changes: Any) -> Any:
        changes.pop("rev")
        return real(job_id, condition, **changes)

    patch.setattr(jobs, "_blind", blind)


def reconcile_spares_the_open_upload(patch: Patch) -> None:
    """An archive counts as stray though its upload is still being recorded."""
    real = census._names
    patch.setattr(census, "_names", lambda job, row: real(replace(job, upload=None), row))


def reaping_spares_the_copy(patch: Patch) -> None:
    """What is on the garbage is removed, though it may be the copy itself."""
    real = steps.EFFECT["reap"]

    def reap(claim: Claim, now: int) -> Changes:
        due = lifecycle.due_garbage(claim.job, now)[0].locator
        if due.finished() == claim.job.copy:
            stores.of(due).remove(locator=due)
        return real(claim, now)

    patch.setitem(steps.EFFECT, "reap", reap)


def head_before_reaping(patch: Patch) -> None:
    """Garbage is removed without a look at the good copy."""
    patch.setattr(steps, "_seen", lambda copy, size: True)


def fresh_attempt_per_claim(patch: Patch) -> None:
    """Each annotator of a job writes below the same prefix."""

    def new_attempt(job_id: str) -> Any:
        return Locator(Store.HOT, aws.bucket("results"), f"r/{job_id}/run/")

    patch.setattr(storage, "new_attempt", new_attempt)


def attempts_garbage_waits(patch: Patch) -> None:
    """An attempt may be removed as soon as it is garbage."""

    def dated(locator: Any, after: int) -> Dated:
        return Dated(locator, clock.now() if locator.is_prefix else after)

    patch.setattr(run, "Dated", dated)


def run_limit_on_signing(patch: Patch) -> None:
    """An annotator puts its outputs whenever it comes to it."""
    real = storage.put

    def put(locator: Any, body: Any, **_: Any) -> None:
        real(locator, body)

    patch.setattr(storage, "put", put)


def if_match_on_the_input(patch: Patch) -> None:
    """The annotator reads whatever is at the input's key."""
    real = storage.fetch
    patch.setattr(storage, "fetch", lambda locator, path, **_: real(locator, path))


def inputs_garbage_waits(patch: Patch) -> None:
    """A deleted job's input is removed at once, though a post may still land."""
    real = steps.bury

    def bury(job: Job, now: int) -> Changes:
        changes = real(job, now)
        garbage = tuple(
            replace(g, after=now) if g.locator == job.input else g for g in changes["garbage"]
        )
        return changes | {"garbage": garbage}

    patch.setitem(steps.PLAIN, "bury", bury)


def problem_rests(patch: Patch) -> None:
    """A job that needs a person goes on being tried."""
    step, look = lifecycle.next_step, lifecycle.next_look
    patch.setattr(lifecycle, "next_step", lambda job, *rest: step(_healthy(job), *rest))
    patch.setattr(lifecycle, "next_look", lambda job, *rest: look(_healthy(job), *rest))


def _healthy(job: Job) -> Job:
    return replace(job, problem=None)


def spread_spares_runs(patch: Patch) -> None:
    """A plan's change bumps the jobs that run, too."""
    real = services.spread

    def spread(user_id: str) -> None:
        real(user_id)
        for job in jobs.all_of(user_id):
            changes = {"rev": items.fresh(), "due_at": clock.now()}
            update = jobs._blind(job.job_id, "attribute_exists(job_id)", **changes)
            aws.dynamodb().update_item(**update)

    patch.setattr(services, "spread", spread)


def own_success_recognised(patch: Patch) -> None:
    """A refused write always counts as another's."""
    real = jobs._send
    patch.setattr(jobs, "_send", lambda write, *, rev: real(write, rev=""))


def ask_again(patch: Patch) -> None:
    """The plan is not asked again before an upload is completed."""
    patch.setattr(steps, "want_of", lambda *_: "as it was")


class _Unclaimed(Claim):
    """A claim that nobody hears of."""

    def renew(self, **changes: Any) -> None:
        pass

    def release(self, *, due_in: int = 0) -> None:
        pass


def claim_and_lease(patch: Patch) -> None:
    """Workers of results do not say that they are at a job."""

    def take(job: Job, *, role: str) -> Claim:
        return _Unclaimed(job, worker=role, now=clock.now(), delays=margins())

    name = claims.worker_name
    patch.setattr(services, "claims", SimpleNamespace(take=take, worker_name=name))


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard: its removal, and what the scenario of the same name then shows."""

    remove: Callable[[Patch], None]
    noticed: str
    """A kind of finding, or the operation that is called more often."""
    store: str = "vault"

    @property
    def name(self) -> str:
        return self.remove.__name__


GUARDS = (
    Guard(record_before_removing, "LOST"),
    Guard(fresh_names, "LOST"),
    Guard(condition_on_rev, "ORPHAN"),
    Guard(random_rev, "ORPHAN", "s3"),
    Guard(a_record_leaves_the_item_due, "STUCK"),
    Guard(the_sweep, "STUCK"),
    Guard(reconciling, "ORPHAN"),
    Guard(gone_waits_for_proof, "UNDELETED"),
    Guard(upload_recorded_first, "ORPHAN", "s3"),
    Guard(abort_before_removing, "ORPHAN", "s3"),
    Guard(failed_retrieval_starts_over, "STUCK"),
    Guard(item_read_before_plan, "STUCK"),
    Guard(verify_before_complete, "WRONG"),
    Guard(pending, "STUCK"),
    Guard(wishes_bump_rev, "UNDELETED"),
    Guard(reconcile_spares_the_open_upload, "strays"),
    Guard(reaping_spares_the_copy, "LOST", "s3"),
    Guard(head_before_reaping, "LOST"),
    Guard(fresh_attempt_per_claim, "LOST"),
    Guard(attempts_garbage_waits, "UNDELETED"),
    Guard(run_limit_on_signing, "UNDELETED"),
    Guard(if_match_on_the_input, "WRONG"),
    Guard(inputs_garbage_waits, "UNDELETED"),
    Guard(problem_rests, "BUSY"),
    Guard(spread_spares_runs, "runs"),
    Guard(own_success_recognised, "looks"),
    Guard(ask_again, "CompleteMultipartUpload"),
    Guard(claim_and_lease, "InitiateJob"),
)

"""One directed scenario for each guard: with the guard it is clean, without it something shows.

Each plays on an empty cloud. It arranges the one unlucky moment that its guard is for, lets all
that is still to come happen with every message lost, and judges.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from annotations import jobs, storage
from annotations.safety import TRIES, margins
from annotations.states import Dated, Job
from archival import census, reconcile, services
from deploy.local import glacier_uploads
from gas_project import aws, clock
from tests.archival.life import archived, open_only, restoring, thawed, upgrade, wish_deleted
from tests.core import (
    DAY,
    HOUR,
    archives,
    hot,
    look,
    lose_messages,
    person,
    replies_lost,
    strays,
)
from tests.core import settle as sweep_and_work
from tests.guards import runs
from tests.guards.stage import (
    Seen,
    Stage,
    at,
    change,
    counting,
    crash,
    ended,
    judge,
    settle,
    work,
)

RECORD = "TransactWriteItems"
COMPLETE = "CompleteMultipartUpload"


def _back(stage: Stage, job: Job) -> Job:
    """Upgrade the owner of an archived result, and thaw it."""
    return thawed(work("restorer", upgrade(job)), stage.travel)


# --- copies --------------------------------------------------------------------------------------


def record_before_removing(stage: Stage) -> Seen:
    """The archiver dies between its upload's completion and the record."""
    job = hot(person())
    with at(RECORD, crash, turn=2):
        work("archiver", job)
    return ended(stage, job, "COLD")


def fresh_names(stage: Stage) -> Seen:
    """An eraser sleeps before it removes the thawed object; others thaw the result once more."""
    job = _back(stage, archived())
    settle(stage, job)
    change(job, "free")
    services.spread(job.user_id)
    stage.travel(8 * DAY)
    job = work("archiver", look(job))
    stage.travel(margins().links_end + 1)

    def others() -> None:
        stage.travel(margins().lease + 1)
        _back(stage, job)

    with at("DeleteObject", others):
        work("eraser", job)
    return ended(stage, job, "HOT")


def condition_on_rev(stage: Stage) -> Seen:
    """An archiver sleeps before its record while others archive, restore and thaw the result."""
    job = hot(person())

    def others() -> None:
        stage.travel(7 * HOUR)
        settle(stage, job)
        change(job, "premium")
        settle(stage, job)

    with at(RECORD, others, turn=2):
        work("archiver", job)
    now = strays(stage.cloud, job)
    seen = ended(stage, job, "HOT")
    return Seen(["ORPHAN" for _ in now] + seen.findings)


def random_rev(stage: Stage) -> Seen:
    """An archiver takes another one's claim for its own record, fills its upload, and dies."""
    job = hot(person())

    def twin() -> None:
        stage.travel(margins().lease + 1)
        jobs.claim(look(job), worker="twin", until=clock.now() + margins().lease)

    with at(RECORD, twin), at(COMPLETE, crash):
        work("archiver", job)
    return ended(stage, job, "COLD")


def a_record_leaves_the_item_due(stage: Stage) -> Seen:
    """The archiver stops after its first step, and every message is lost."""
    job = open_only(hot(person()))
    return ended(stage, job, "COLD")


def the_sweep(stage: Stage) -> Seen:
    """The message that wakes the archiver is lost."""
    job = hot(person())
    lose_messages()
    sweep_and_work(stage.travel, margins().links_end + 1)
    return Seen(judge(stage, job, "COLD"))


def item_read_before_plan(stage: Stage) -> Seen:
    """An upgrade, spread at once, comes between any two reads of a look at an archived result."""
    seen = Seen()
    for turn in (2, 3):
        stage.cloud.forget()
        job = archived()
        jobs.touch(job.job_id, due_at=clock.now())
        with at("GetItem", lambda job=job: upgrade(job), turn=turn):  # type: ignore[misc]
            work("sweep", job)
        seen.findings += ended(stage, job, "HOT").findings
    return seen


def verify_before_complete(stage: Stage) -> Seen:
    """A byte changes on the way to the archive."""
    job, real, left = hot(person()), storage.stream, [1]

    def stream(*args: Any, **named: Any) -> Any:
        for chunk in real(*args, **named):
            yield bytes([chunk[0] ^ left[0]]) + chunk[1:]
            left[0] = 0

    stage.patch.setattr(storage, "stream", stream)
    work("archiver", job)
    settle(stage, job)
    change(job, "premium")
    return ended(stage, job, "HOT")


def head_before_reaping(stage: Stage) -> Seen:
    """An outside hand deletes the thawed object; the archive still waits for its ninety days."""
    job = _back(stage, archived())
    assert job.copy is not None
    storage.remove(locator=job.copy)
    stage.travel(margins().keep + 1)
    settle(stage, job)
    return Seen([] if archives(stage.cloud) else ["LOST"])


# --- uploads and retrievals ----------------------------------------------------------------------


def reconciling(stage: Stage) -> Seen:
    """The reply of Complete is lost, and the archiver comes back three days later."""
    job = hot(person())
    with replies_lost(aws.glacier(), COMPLETE), suppress(Exception):
        services.advance(role="archiver", job_id=job.job_id)
    stage.travel(3 * DAY)
    return ended(stage, job, "COLD")


def gone_waits_for_proof(stage: Stage) -> Seen:
    """The reply of Complete is lost, and the owner deletes the job."""
    job = hot(person())
    with replies_lost(aws.glacier(), COMPLETE), suppress(Exception):
        services.advance(role="archiver", job_id=job.job_id)
    wish_deleted(job)
    for _ in range(3):
        stage.travel(margins().posts_end + 1)
        work("eraser", job)
    early = look(job).state == "DELETED" and archives(stage.cloud)
    seen = ended(stage, job, "DELETED")
    return Seen((["UNDELETED"] if early else []) + seen.findings)


def upload_recorded_first(stage: Stage) -> Seen:
    """The archiver dies straight before each of its records, in turn."""
    seen = Seen()
    for turn in (1, 2):
        stage.cloud.forget()
        job = hot(person())
        with at(RECORD, crash, turn=turn):
            work("archiver", job)
        seen.findings += ended(stage, job, "COLD").findings
    return seen


def abort_before_removing(stage: Stage) -> Seen:
    """An archiver sleeps before Complete and wakes between the two calls that remove its upload."""
    job = open_only(hot(person()))
    upload = job.upload
    assert upload is not None
    tag = storage.write(upload=upload, number=1, offset=0, data=b"a part")

    def wake() -> None:
        storage.finish(upload=upload, size=6, tags=[tag])

    wish_deleted(job)
    with at("AbortMultipartUpload", wake):
        work("eraser", job)
    return ended(stage, job, "DELETED")


def failed_retrieval_starts_over(stage: Stage) -> Seen:
    """The vault's job fails."""
    job = restoring()
    stage.cloud.faults.update({"fail_next_jobs": 1})
    job = thawed(job, stage.travel)
    stage.travel(margins().back_off * 2 + 1)
    thawed(work("restorer", job), stage.travel)
    return ended(stage, job, "HOT")


def reconcile_spares_the_open_upload(stage: Stage) -> Seen:
    """An inventory lists an archive whose record is late; the archiver then adopts it.

    An archive that was taken for stray is saved by the eraser, which strikes off what is the copy.
    """
    stage.patch.setattr(glacier_uploads, "HOUR", 400 * DAY)  # "a short period" is AWS's to choose
    job = hot(person())
    with replies_lost(aws.glacier(), COMPLETE), suppress(Exception):
        services.advance(role="archiver", job_id=job.job_id)
    stage.travel(DAY)
    handle = reconcile.ask()
    stage.travel(margins().standard + 1)
    taken_for_stray = reconcile.apply(census.take(handle), accept=True)
    seen = ended(stage, work("archiver", look(job)), "COLD")
    return Seen(seen.findings, {"strays": taken_for_stray})


def reaping_spares_the_copy(stage: Stage) -> Seen:
    """The SDK began an upload twice, and the one that nobody knows came on the garbage."""
    job = archived()
    assert job.copy is not None
    twin, now = storage.begin(job.copy), clock.now()
    jobs.record(job, now=now, step="x", actor="x", garbage=(*job.garbage, Dated(twin, now)))
    return ended(stage, job, "COLD")


# --- wishes, plans, problems ---------------------------------------------------------------------


def pending(stage: Stage) -> Seen:
    """The message of an upgrade is lost."""
    job = archived()
    sweep_and_work(stage.travel, margins().links_end + 1)
    change(job, "premium")
    lose_messages()
    sweep_and_work(stage.travel, margins().standard + 1, margins().keep + 1)
    return Seen(judge(stage, job, "HOT"))


def wishes_bump_rev(stage: Stage) -> Seen:
    """A deletion comes between a look that found nothing to do and its last write."""
    job = hot(person("premium"))
    with at("UpdateItem", lambda: wish_deleted(job)):
        work("archiver", job)
    return ended(stage, job, "DELETED")


def inputs_garbage_waits(stage: Stage) -> Seen:
    """A job is deleted and erased; then a slow post of its file lands."""
    job = hot(person())
    wish_deleted(job)
    work("eraser", job)
    assert job.input is not None
    storage.put(job.input, b"late")
    return ended(stage, job, "DELETED")


def problem_rests(stage: Stage) -> Seen:
    """A result was overwritten: five tries, and then nothing but a person moves it."""
    job = hot(person())
    assert job.copy is not None
    storage.put(job.copy, b"x" * job.size)
    for _ in range(TRIES + 3):
        steps = iter([False] * TRIES)
        services.advance(role="archiver", job_id=job.job_id, stopping=partial(next, steps, True))
        stage.travel(margins().back_off * 2**TRIES)
    return Seen(["BUSY"] if look(job).tries > TRIES else [])


def own_success_recognised(stage: Stage) -> Seen:
    """The SDK repeats a write that was performed; the second answer is a refusal."""
    job, sent = hot(person()), list[str]()

    def keep(params: Any, model: Any, **_: Any) -> None:
        if model.name == RECORD and not sent:
            sent.append(model.name)
            aws.dynamodb().transact_write_items(**params)

    looks = 0
    name = f"provide-client-params.dynamodb.{RECORD}"
    aws.dynamodb().meta.events.register_first(name, keep)
    try:
        while look(job).state != "COLD" and looks < 5:
            looks += 1
            work("archiver", job)
    finally:
        aws.dynamodb().meta.events.unregister(name, keep)
    seen = ended(stage, job, "COLD")
    return Seen(seen.findings, {"looks": looks})


def ask_again(stage: Stage) -> Seen:
    """The owner upgrades while the bytes flow to the archive."""
    job, costs = hot(person()), dict[str, int]()
    with counting(costs, COMPLETE):
        with at("UploadMultipartPart", lambda: change(job, "premium")):
            work("archiver", job)
        seen = ended(stage, job, "HOT")
    return Seen(seen.findings, costs)


def claim_and_lease(stage: Stage) -> Seen:
    """A second restorer looks at a result while the first one is about to ask for it."""
    job, costs = upgrade(archived()), dict[str, int]()
    with counting(costs, "InitiateJob"), at("InitiateJob", lambda: work("restorer", job)):
        work("restorer", job)
    seen = ended(stage, job, "HOT")
    return Seen(seen.findings, costs)


Scenario = Callable[[Stage], Seen]

SCENARIOS: dict[str, Scenario] = {
    one.__name__: one
    for one in (
        record_before_removing,
        fresh_names,
        condition_on_rev,
        random_rev,
        a_record_leaves_the_item_due,
        the_sweep,
        reconciling,
        gone_waits_for_proof,
        upload_recorded_first,
        abort_before_removing,
        failed_retrieval_starts_over,
        item_read_before_plan,
        verify_before_complete,
        pending,
        wishes_bump_rev,
        reconcile_spares_the_open_upload,
        reaping_spares_the_copy,
        head_before_reaping,
        runs.fresh_attempt_per_claim,
        runs.attempts_garbage_waits,
        runs.run_limit_on_signing,
        runs.if_match_on_the_input,
        inputs_garbage_waits,
        problem_rests,
        runs.spread_spares_runs,
        own_success_recognised,
        ask_again,
        claim_and_lease,
    )
}

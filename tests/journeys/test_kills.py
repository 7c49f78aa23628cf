"""Workers are killed at the worst moments; each job reaches its state within two leases."""

import gzip
import signal
import time

import pytest

from accounts import plans
from annotations import jobs, services, storage
from annotations.genomics.examples import EXAMPLES
from annotations.states import Job
from archival import services as storage_life
from archival.management.commands.demo import names, stored
from archival.treehash import tree_hash
from deploy.local.run import LocalCloud
from tests.journeys.conftest import MIB, Workers, kept_result, within_two_leases

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]
USER = "11111111-2222-4333-8444-555555555555"


def nothing_is_stray(job: Job) -> None:
    found = stored(job.job_id)
    job = jobs.get(job.job_id) or job
    assert [one for one in found if not names(job, one)] == []


def archived(workers: Workers, size: int) -> tuple[Job, bytes]:
    """Return a result that is in the vault, and its bytes."""
    job, body = kept_result(size, tier="free")
    archiver = workers.start("archiver")
    within_two_leases(job.job_id, lambda job: job.state == "COLD")
    archiver.kill()
    archiver.wait()
    return job, body


def test_an_annotator_killed_in_the_middle_of_a_run_is_replaced(
    cloud: LocalCloud, workers: Workers
) -> None:
    plans.create(user_id=USER, tier="premium")
    head, _, line = EXAMPLES[0].path.read_text().rstrip().rpartition("\n")
    many = head + "\n" + "\n".join([line] * 15_000) + "\n"
    submitted = services.submit(user_id=USER, name="many", reference="sars-cov-2")
    assert submitted.job.input
    storage.put(submitted.job.input, gzip.compress(many.encode()))
    job = services.confirm(job_id=submitted.job.job_id, user_id=USER)
    first = workers.start("annotator")
    until = time.monotonic() + 60
    while time.monotonic() < until and job.state != "RUNNING":
        job = jobs.get(job.job_id) or job
        time.sleep(0.02)
    assert job.state == "RUNNING"
    first.send_signal(signal.SIGKILL)
    first.wait()
    attempt = job.attempt
    workers.start("annotator")
    job = within_two_leases(job.job_id, lambda job: job.state == "HOT")
    assert job.attempt != attempt
    assert attempt in job.garbage
    nothing_is_stray(job)


@pytest.mark.parametrize(
    ("operation", "turn", "moment"),
    [
        ("UploadMultipartPart", 2, "before"),
        ("UploadMultipartPart", 2, "after"),
        ("CompleteMultipartUpload", 1, "after"),
    ],
)
def test_an_archiver_killed_between_parts_or_after_complete_leaves_one_good_archive(
    cloud: LocalCloud, workers: Workers, operation: str, turn: int, moment: str
) -> None:
    job, body = kept_result(17 * MIB, tier="free")
    workers.start_to_die("archiver", operation, turn, moment)
    workers.start("archiver")
    job = within_two_leases(job.job_id, lambda job: job.state == "COLD")
    assert job.copy
    sql = "SELECT tree FROM glacier_archives WHERE id=? AND deleted IS NULL"
    assert cloud._disk.rows(sql, (job.copy.name,)) == [(tree_hash(body),)]
    nothing_is_stray(job)


def test_a_restorer_killed_straight_after_initiate_job_asks_again(
    cloud: LocalCloud, workers: Workers
) -> None:
    job, _ = archived(workers, MIB)
    storage_life.change_tier(user_id=job.user_id, tier="premium")
    workers.start_to_die("restorer", "InitiateJob", 1, "after")
    workers.start("restorer")
    found = within_two_leases(job.job_id, lambda job: job.state == "RESTORING")
    assert found.retrieval


@pytest.mark.parametrize(
    ("operation", "turn", "moment"),
    [("GetJobOutput", 2, "after"), ("CompleteMultipartUpload", 1, "after")],
)
def test_a_thawer_killed_in_the_download_or_after_complete_brings_the_same_bytes(
    cloud: LocalCloud, workers: Workers, operation: str, turn: int, moment: str
) -> None:
    job, body = archived(workers, 17 * MIB)
    storage_life.change_tier(user_id=job.user_id, tier="premium")
    workers.start("restorer")
    within_two_leases(job.job_id, lambda job: job.state == "RESTORING")
    workers.start_to_die("thawer", operation, turn, moment)
    workers.start("thawer")
    job = within_two_leases(job.job_id, lambda job: job.state == "HOT")
    assert job.copy
    assert b"".join(storage.stream(job.copy)) == body
    nothing_is_stray(job)

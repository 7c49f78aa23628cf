"""How bytes move: one part read ahead and no more, and nothing sent twice after a kill."""

import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from annotations import jobs
from annotations.states import Job
from archival import services, stores, transfer, treehash
from deploy.local.run import LocalCloud
from gas_project import aws, clock
from tests.archival.life import advance, thawed, upgrade
from tests.core import Away, Counted, Travel, hot, look, person, replies_lost, served

pytestmark = pytest.mark.usefixtures("cloud")
MIB = treehash.MIB
LARGE = random.Random(4).randbytes(17 * MIB + 5)
PART = treehash.SMALLEST_PART
SENT = ("UploadPart", "UploadMultipartPart")


class Killed(BaseException):
    """The worker is gone."""


def dies_before_part(role: str, job: Job, number: int) -> Job:
    """Let a worker die right before it sends a part, and its lease end."""
    clients, seen = (aws.s3(), aws.glacier()), []

    def die(model: Any, **_: Any) -> None:
        seen.append(model.name)
        if seen.count(SENT[0]) + seen.count(SENT[1]) == number:
            raise Killed

    for client in clients:
        client.meta.events.register_first("before-call.*", die)
    with pytest.raises(Killed):
        services.advance(role=role, job_id=job.job_id)
    for client in clients:
        client.meta.events.unregister("before-call.*", die)
    jobs.touch(job.job_id, due_at=clock.now())
    return look(job)


def sending(act: Callable[[], Job]) -> tuple[Job, int]:
    """Do something; return what it came to and how many parts were sent."""
    with Counted(aws.s3(), SENT) as to_s3, Counted(aws.glacier(), SENT) as to_vault:
        job = act()
    return job, len(to_s3.seen) + len(to_vault.seen)


# --- after a kill ------------------------------------------------------------------------------


def test_an_archive_goes_on_with_the_part_that_was_not_sent(store: str, travel: Travel) -> None:
    job = dies_before_part("archiver", hot(person(), LARGE), 3)
    assert job.state == "ARCHIVING"
    done, sent = sending(lambda: advance("archiver", job))
    assert (done.state, sent) == ("COLD", 1)
    assert served(thawed(advance("restorer", upgrade(done)), travel)) == LARGE


def test_a_thaw_goes_on_with_the_part_that_was_not_sent(store: str, travel: Travel) -> None:
    job = advance("restorer", upgrade(advance("archiver", hot(person(), LARGE))))
    travel(job.ready_at - clock.now() + 1)
    dying = dies_before_part("thawer", job, 2)
    assert dying.state == "THAWING"
    done, sent = sending(lambda: advance("thawer", dying))
    assert (done.state, sent) == ("HOT", 2)
    assert served(done) == LARGE


def test_a_part_that_holds_other_bytes_is_sent_again(store: str, travel: Travel) -> None:
    job = dies_before_part("archiver", hot(person(), LARGE), 3)
    assert job.upload is not None
    wrong = bytes(PART)
    stores.of(job.upload).write(upload=job.upload, number=2, offset=PART, data=wrong)
    done, sent = sending(lambda: advance("archiver", job))
    assert (done.state, sent) == ("COLD", 2)
    assert served(thawed(advance("restorer", upgrade(done)), travel)) == LARGE


def test_an_upload_tells_the_parts_that_it_has(store: str) -> None:
    job = dies_before_part("archiver", hot(person(), LARGE), 3)
    assert job.upload is not None
    into = stores.of(job.upload)
    first = into.write(upload=job.upload, number=1, offset=0, data=LARGE[:PART])
    assert into.held(upload=job.upload)[1] == first
    assert set(into.held(upload=job.upload)) == {1, 2}
    into.remove(locator=job.upload)
    with pytest.raises(stores.NotThere):
        into.held(upload=job.upload)


def test_parts_whose_completion_was_never_heard_of_are_found_done(
    store: str, cloud: LocalCloud, travel: Travel
) -> None:
    job, lost = hot(person(), LARGE), "CompleteMultipartUpload"
    with replies_lost(aws.glacier(), lost), replies_lost(aws.s3(), lost), pytest.raises(Away):
        services.advance(role="archiver", job_id=job.job_id)
    jobs.touch(job.job_id, due_at=clock.now())
    done = advance("archiver", job)
    assert done.state == "COLD"
    assert served(thawed(advance("restorer", upgrade(done)), travel)) == LARGE


# --- one part ahead ----------------------------------------------------------------------------


def source(count: int, read: list[int], readers: set[int]) -> Iterator[bytes]:
    for number in range(count):
        read.append(number)
        readers.add(threading.get_ident())
        yield b"x"


def test_one_part_is_read_ahead_and_no_more() -> None:
    read: list[int] = []
    for used, _ in enumerate(transfer._read_ahead(source(5, read, set()), 5), 1):
        assert used <= len(read) <= used + 1
    assert used == 5


def test_a_result_of_one_part_needs_no_thread() -> None:
    readers: set[int] = set()
    assert list(transfer._read_ahead(source(1, [], readers), 1)) == [b"x"]
    assert readers == {threading.get_ident()}


def test_more_than_expected_is_read_to_its_end() -> None:
    assert len(list(transfer._read_ahead(source(4, [], set()), 2))) == 4


def test_a_reader_that_fails_ahead_fails_the_move_after_the_part_before_it() -> None:
    def breaks() -> Iterator[bytes]:
        yield b"x"
        raise stores.Changed("broken")

    used: list[bytes] = []
    with pytest.raises(stores.Changed):
        used.extend(transfer._read_ahead(breaks(), 2))
    assert used == [b"x"]

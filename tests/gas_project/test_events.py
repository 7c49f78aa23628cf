"""What is published and what the decoder makes of every body that may arrive."""

import contextlib
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gas_project import events
from gas_project.events import GlacierNotice, Hint, ObjectEvent, Unreadable
from tests.gas_project.bodies import (
    DASHED,
    HINT,
    JOB,
    TEST_EVENT,
    envelope,
    eventbridge,
    glacier_notice,
    s3_event,
    s3_record,
)

KEY = f"a/{JOB}/x7"
RESTORED = ObjectEvent(bucket="gas-archive-1", key=KEY, job_id=JOB)
NOTICE = GlacierNotice(job_id=JOB, retrieval="Hk-_9", status="Succeeded")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (HINT, [Hint(job_id=JOB)]),
        (json.dumps({"version": 1, "user_id": DASHED}), [Hint(user_id=DASHED)]),
        (json.dumps({"version": 1, "job_id": JOB, "more": [1]}), [Hint(job_id=JOB)]),
        (envelope(HINT), [Hint(job_id=JOB)]),
        (glacier_notice(), [NOTICE]),
        (envelope(glacier_notice()), [NOTICE]),
        (s3_event(KEY), [RESTORED]),
        (envelope(s3_event(KEY)), [RESTORED]),
        (eventbridge(KEY), [RESTORED]),
        (TEST_EVENT, []),
        (envelope(TEST_EVENT), []),
    ],
)
def test_every_shape_is_read(body: str, expected: list[events.Event]) -> None:
    assert events.decode(body) == expected


def test_a_failed_retrieval_is_told_as_such() -> None:
    (event,) = events.decode(glacier_notice(StatusCode="Failed"))
    assert isinstance(event, GlacierNotice)
    assert event.status == "Failed"


def test_every_record_of_an_s3_event_is_read() -> None:
    found = events.decode(s3_event(KEY, f"r/{DASHED}/y/annotated.vcf.gz"))
    assert [event.job_id for event in found if isinstance(event, ObjectEvent)] == [JOB, DASHED]


def test_keys_are_form_encoded_in_s3_events_and_plain_in_eventbridge() -> None:
    (from_s3,) = events.decode(s3_event(f"r/{JOB}/a%2Bb"))
    (from_eventbridge,) = events.decode(eventbridge(f"r/{JOB}/a%2Bb"))
    assert isinstance(from_s3, ObjectEvent)
    assert isinstance(from_eventbridge, ObjectEvent)
    assert (from_s3.key, from_eventbridge.key) == (f"r/{JOB}/a+b", f"r/{JOB}/a%2Bb")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("\ufeff" + HINT, "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"a":' * 50_000, "not JSON"),
        ('{"version":' + "9" * 5000 + "}", "not JSON"),
        ("null", "not an object"),
        ("[]", "not an object"),
        ('{"version":NaN}', "NaN"),
        ('{"version":1,"job_id":1e999999,"x":-Infinity}', "NaN"),
        ("x" * (events.MAX_BODY + 1), "larger"),
        ("é" * (events.MAX_BODY // 2 + 1), "larger"),
        ("{}", "not a message"),
        ('{"version":1,"version":1}', "twice"),
        (json.dumps({"version": 2, "job_id": JOB}), "unknown version"),
        (json.dumps({"version": "1", "job_id": JOB}), "unknown version"),
        (json.dumps({"version": True, "job_id": JOB}), "unknown version"),
        (json.dumps({"version": 1.0, "job_id": JOB}), "unknown version"),
        (json.dumps({"version": 1}), "either"),
        (json.dumps({"version": 1, "job_id": JOB, "user_id": JOB}), "either"),
        (json.dumps({"version": 1, "job_id": None}), "not an id"),
        (json.dumps({"version": 1, "job_id": JOB + "\n"}), "not an id"),
        (json.dumps({"version": 1, "job_id": JOB.upper()}), "not an id"),
        (json.dumps({"version": 1, "job_id": "٠" * 32}), "not an id"),
        (json.dumps({"version": 1, "user_id": "../../etc"}), "not an id"),
        (envelope(envelope(HINT)), "inside"),
        (json.dumps({"Type": "Notification", "Message": {"version": 1}}), "no text in Message"),
        (json.dumps({"Type": "SubscriptionConfirmation", "Token": "t"}), "nobody confirmed"),
        (glacier_notice(Action="InventoryRetrieval"), "not about an archive"),
        (glacier_notice(JobDescription="somebody else's"), "did not ask"),
        (glacier_notice(JobDescription=f"gas1 {JOB}"), "did not ask"),
        (glacier_notice(JobDescription=None), "no text in JobDescription"),
        (glacier_notice(StatusCode="InProgress"), "unknown status"),
        (glacier_notice(JobId=["x"]), "no text in JobId"),
        (glacier_notice(JobId="a b"), "did not ask"),
        ('{"Records":[]}', "without records"),
        ('{"Records":{}}', "without records"),
        ('{"Records":[7]}', "not an object"),
        (s3_event("r/short/x"), "names no job"),
        (s3_event(f"z/{JOB}/x"), "names no job"),
        (s3_event(f"r/{JOB}/"), "names no job"),
        (s3_event(f"r/{JOB}/a+b"), "names no job"),
        (json.dumps({"Records": [s3_record(KEY, eventSource="aws:sqs")]}), "not from S3"),
        (json.dumps({"Records": [s3_record(KEY, eventVersion="3.0")]}), "unknown version"),
        (json.dumps({"Records": [s3_record(KEY, s3=None)]}), "no object in s3"),
        (eventbridge(KEY, source="aws.ec2"), "not from S3"),
        (eventbridge(KEY, detail=[]), "no object in detail"),
    ],
)
def test_anything_else_is_unreadable_and_says_why(body: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        events.decode(body)


def test_a_reason_quotes_nothing_of_the_body() -> None:
    with pytest.raises(Unreadable) as caught:
        events.decode(json.dumps({"version": 1, "job_id": "alice@example.org"}))
    assert "alice" not in caught.value.reason


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
NAMES = st.sampled_from(
    [
        *("Records", "Event", "Type", "Message", "detail-type", "source", "detail", "Action"),
        *("JobId", "VaultARN", "version", "job_id", "user_id", "s3", "bucket", "object", "key"),
        *("name", "eventSource", "eventVersion", "eventName", "StatusCode", "JobDescription"),
    ]
)
KNOWN = st.sampled_from(["Notification", "aws:s3", "aws.s3", "2.1", "s3:TestEvent", JOB, KEY, HINT])
VALUES = st.recursive(
    SCALARS | KNOWN | st.just(1),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=6,
)
BODIES = st.text(max_size=60) | st.dictionaries(NAMES, VALUES, max_size=6).map(json.dumps)


def check_decodes_or_says_why(body: str) -> None:
    """Nothing but Unreadable may come out of a body, and only valid ids."""
    with contextlib.suppress(Unreadable):
        for event in events.decode(body):
            user_id = event.user_id if isinstance(event, Hint) else None
            assert events.is_id(event.job_id) or events.is_id(user_id)


@settings(max_examples=1000, deadline=None)
@given(BODIES)
def test_no_structured_body_crashes_the_decoder(body: str) -> None:
    check_decodes_or_says_why(body)


VALID = [
    HINT,
    envelope(HINT),
    glacier_notice(),
    envelope(glacier_notice()),
    s3_event(KEY),
    eventbridge(KEY),
    TEST_EVENT,
]


ODD = ['"', "{", "}", "[", ":", ",", "\\", "\0", "\ud800", "é", "0", "null"]


@settings(max_examples=3000, deadline=None)
@given(st.sampled_from(VALID), st.randoms(use_true_random=False))
def test_no_mangled_body_crashes_the_decoder(body: str, dice: random.Random) -> None:
    chars = list(body)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(chars))
        chars[at : at + dice.randint(0, 3)] = [dice.choice(ODD)] * dice.randint(0, 2) or [""]
    check_decodes_or_says_why("".join(chars))


def test_a_hint_comes_back_as_it_was_written() -> None:
    assert events.decode(events.encode(job_id=JOB)) == [Hint(job_id=JOB)]
    assert events.decode(events.encode(user_id=DASHED)) == [Hint(user_id=DASHED)]


@pytest.mark.parametrize("ids", [{}, {"job_id": JOB, "user_id": JOB}, {"job_id": "x"}])
def test_a_hint_without_exactly_one_id_is_never_written(ids: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"a hint names|not an id"):
        events.encode(**ids)


def test_every_role_has_a_queue_and_a_topic() -> None:
    assert events.QUEUE_OF_ROLE.keys() == events.TOPIC_OF_ROLE.keys()

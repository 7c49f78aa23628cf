"""A hint on its way through the stack's topics to the queues."""

import pytest

from deploy.local.run import LocalCloud
from gas_project import events, queues
from gas_project.events import Hint
from tests.gas_project.bodies import DASHED, JOB


def arrived(queue: str) -> list[events.Event]:
    messages = queues.receive(queue, limit=10, wait=2, visibility=30)
    return [event for message in messages for event in events.decode(message.body)]


@pytest.mark.parametrize(
    ("topic", "queue"),
    [
        ("job-submitted", "annotate"),
        ("job-completed", "notify"),
        ("job-completed", "archive"),
        ("tier-changed", "restore"),
        ("retrieval", "thaw"),
        ("job-deleted", "erase"),
    ],
)
def test_a_published_hint_arrives_readable(topic: str, queue: str, cloud: LocalCloud) -> None:
    events.publish(topic=topic, job_id=JOB)
    assert arrived(queue) == [Hint(job_id=JOB)]


def test_a_hint_about_a_person_arrives_as_one(cloud: LocalCloud) -> None:
    events.publish(topic="tier-changed", user_id=DASHED)
    assert arrived("restore") == [Hint(user_id=DASHED)]


def test_every_role_is_woken_through_its_topic(cloud: LocalCloud) -> None:
    for role, topic in events.TOPIC_OF_ROLE.items():
        events.publish(topic=topic, job_id=JOB)
        assert Hint(job_id=JOB) in arrived(events.QUEUE_OF_ROLE[role]), role


def test_a_bad_hint_is_never_published(cloud: LocalCloud) -> None:
    with pytest.raises(ValueError, match="either a job or a person"):
        events.publish(topic="job-submitted")
    assert arrived("annotate") == []

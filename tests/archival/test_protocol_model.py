"""The protocol as a model that runs: random schedules of crashes, zombies, tiers and deletions.

The full protocol must come through all of them; with a guard removed, the judge must notice. The
second half shows that the first is worth something.
"""

import pytest

from tests.archival.model.facts import FULL
from tests.archival.model.schedule import Schedule, findings

SEEDS = range(200)
"""Deterministic: a seed is a schedule, and a failure names it."""


@pytest.mark.parametrize("first", range(0, len(SEEDS), 50))
def test_the_full_protocol_loses_and_leaves_nothing(first: int) -> None:
    seeds = SEEDS[first : first + 50]
    verdicts = {seed: Schedule(seed, FULL).verdict() for seed in seeds}
    assert {seed: said for seed, said in verdicts.items() if said != "ok"} == {}


@pytest.mark.parametrize(
    ("guard", "kinds", "seeds"),
    [
        ("record_first", {"LOST"}, range(10)),
        ("rev", {"LOST", "ORPHAN"}, range(40)),
        ("random_rev", {"LOST", "ORPHAN"}, range(40)),
        ("fresh_names", {"LOST"}, range(40)),
        ("fresh_attempt", {"LOST"}, range(20)),
        ("look_again", {"STUCK", "ORPHAN", "UNDELETED"}, range(10)),
        ("sweep", {"STUCK", "ORPHAN", "UNDELETED"}, range(10)),
        ("reconcile", {"STUCK", "ORPHAN"}, range(30)),
        ("if_match", {"WRONG"}, range(30, 60)),
    ],
)
def test_a_removed_guard_is_noticed(guard: str, kinds: set[str], seeds: range) -> None:
    found = findings(frozenset({guard}), seeds)
    assert kinds & set(found), f"{guard}: {dict(found)}"


def test_schedules_do_what_they_are_meant_to_exercise() -> None:
    schedules = [Schedule(seed, FULL) for seed in range(60)]
    assert all(schedule.verdict() == "ok" for schedule in schedules)
    done = {what for one in schedules for what, times in one.w.stats.items() if times}
    assert {"archived", "thawed", "annotated", "deleted", "failed", "cancelled"} <= done

"""The product's decisions are the model's, for every combination of facts, plan and time.

What the model's schedules show of the protocol then holds for the code that runs. One difference is
meant: the product also looks when the owner's warning is due, so "settle" and rest count as one.
"""

import pytest

from annotations import states
from archival import lifecycle
from tests.archival.facts import NOW, WISHES, cases, plan_of
from tests.archival.model import facts as model

TIMES = (NOW - 1, NOW, NOW + 600, NOW + 10**7)


@pytest.mark.parametrize("now", TIMES)
@pytest.mark.parametrize("wish", WISHES)
def test_each_decision_is_the_models(wish: str, now: int) -> None:
    told, archive_after = WISHES[wish]
    plan = plan_of(told)
    for case in cases(archive_after):
        mine = lifecycle.next_step(case.job, plan, now)
        theirs = model.next_step(case.item, told, now)
        assert _rests(mine) == _rests(theirs), case
        assert states.want_of(case.job, plan, now) == model.want_of(case.item, told, now), case
        if mine and mine != "settle":
            assert lifecycle.owner(case.job, mine) == model.owner(case.item, mine), case


def _rests(step: str | None) -> str | None:
    return None if step == "settle" else step


@pytest.mark.parametrize("wish", WISHES)
def test_without_a_warning_due_the_next_look_is_the_models(wish: str) -> None:
    told, archive_after = WISHES[wish]
    plan = plan_of(told)
    for case in cases(archive_after):
        warn = lifecycle.warn_at(case.job, plan)
        buried = case.item.deleted and case.item.copy
        if (warn is None or warn <= NOW) and not buried:
            mine = lifecycle.next_look(case.job, plan, NOW)
            assert mine == model.next_look(case.item, told, NOW), case
            step = lifecycle.next_step(case.job, plan, NOW)
            assert step == model.next_step(case.item, told, NOW), case


def test_each_state_has_the_models_name() -> None:
    for case in cases(0):
        assert states.state_of(case.job) == model.state_of(case.item), case


def test_what_may_be_removed_and_what_is_held_are_the_models() -> None:
    for case in cases(0):
        mine = [(str(g.locator), g.after) for g in lifecycle.due_garbage(case.job, NOW)]
        assert len(mine) == len(model.due_garbage(case.item, NOW)), case
        assert states.holds(case.job) == model.anything(case.item), case

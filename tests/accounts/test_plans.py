"""Plans: one truth about a tier, changed in one write that cannot be forgotten half way."""

from typing import Any

import pytest

from accounts import plans, tiers
from gas_project import aws
from tests.core import Counted, person

NOW = 1_800_000_000
UNKNOWN = "00000000-0000-4000-8000-000000000009"

pytestmark = pytest.mark.usefixtures("cloud")


def _plan(user_id: str) -> plans.Plan:
    found = plans.get(user_id)
    assert found is not None
    return found


def _upgrade(user_id: str) -> bool:
    return plans.change(user_id=user_id, tier="premium", now=NOW, grace_until=0)


def test_a_new_person_has_the_lowest_tier_and_nothing_pending() -> None:
    plan = _plan(person())
    assert (plan.tier, plan.pending, plan.grace_until, plan.changed_at) == ("free", False, 0, 0)
    assert plan.rules is tiers.DEFAULT


def test_a_plan_is_made_once() -> None:
    user = person("premium")
    assert not plans.create(user_id=user)
    assert _plan(user).tier == "premium"


def test_an_unknown_person_has_no_plan() -> None:
    assert plans.get(UNKNOWN) is None


def test_a_change_sets_tier_grace_and_pending_at_once() -> None:
    user = person("premium")
    old = _plan(user)
    assert plans.change(user_id=user, tier="free", now=NOW, grace_until=NOW + 5)
    new = _plan(user)
    assert new == plans.Plan(user, "free", new.rev, True, NOW + 5, NOW)
    assert new.rev != old.rev


def test_the_same_tier_again_changes_nothing() -> None:
    user = person()
    assert _upgrade(user)
    changed = _plan(user)
    assert not _upgrade(user)
    assert _plan(user) == changed


def test_a_change_whose_reply_was_lost_is_known_as_our_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user = person()
    client: Any = aws.dynamodb()
    real = client._make_request

    def twice(model: Any, request: Any, context: Any) -> Any:
        if model.name == "UpdateItem":
            real(model, request, context)
        return real(model, request, context)

    monkeypatch.setattr(client, "_make_request", twice)
    assert _upgrade(user)
    assert _plan(user).pending


def test_a_tier_that_does_not_exist_is_refused_and_writes_nothing() -> None:
    user = person()
    old = _plan(user)
    with pytest.raises(KeyError):
        plans.change(user_id=user, tier="gold", now=NOW, grace_until=0)
    with pytest.raises(KeyError):
        plans.create(user_id=UNKNOWN, tier="gold")
    assert _plan(user) == old
    assert plans.get(UNKNOWN) is None


def test_a_change_of_a_missing_plan_makes_it() -> None:
    assert plans.change(user_id=UNKNOWN, tier="premium", now=NOW, grace_until=0)
    assert _plan(UNKNOWN).pending


def test_what_was_spread_is_no_longer_pending_but_a_newer_change_is() -> None:
    user = person()
    _upgrade(user)
    first = _plan(user).rev
    plans.change(user_id=user, tier="free", now=NOW, grace_until=0)
    plans.clear_pending(user_id=user, rev=first)
    assert _plan(user).pending
    plans.clear_pending(user_id=user, rev=_plan(user).rev)
    assert not _plan(user).pending
    plans.clear_pending(user_id=user, rev=_plan(user).rev)
    assert not _plan(user).pending


def test_clearing_a_missing_plan_makes_none() -> None:
    plans.clear_pending(user_id=UNKNOWN, rev="r")
    assert plans.get(UNKNOWN) is None


def test_pending_people_are_found_without_a_scan() -> None:
    people = {person() for _ in range(3)}
    for user in people:
        _upgrade(user)
    person()
    with Counted(aws.dynamodb(), ("Scan",)) as scans:
        assert set(plans.pending()) == people
    assert scans.seen == []


def test_a_plan_can_be_removed_when_its_person_left() -> None:
    user = person()
    plans.remove(user)
    plans.remove(user)
    assert plans.get(user) is None


def test_the_freeze_is_seen_by_all_until_it_is_lifted() -> None:
    assert not plans.frozen()
    plans.freeze(on=True, reason="restoring the table")
    plans.freeze(on=True, reason="again")
    assert plans.frozen()
    plans.freeze(on=False, reason="done")
    assert not plans.frozen()
    plans.freeze(on=False, reason="done")
    assert not plans.frozen()


def test_the_freeze_is_nobodys_plan() -> None:
    plans.freeze(on=True, reason="x")
    assert list(plans.pending()) == []


@pytest.mark.parametrize("name", sorted(tiers.TIERS))
def test_each_tier_can_be_told_and_warns_within_its_grace(name: str) -> None:
    tier = tiers.get(name)
    assert tier.name == name
    assert tier.label
    assert 0 <= tier.warning < tier.grace
    assert tier.jobs_in_flight > 0


def test_tiers_differ_in_what_is_sold() -> None:
    free, premium = tiers.get("free"), tiers.get("premium")
    assert free.archives
    assert not premium.archives
    assert free.max_upload_bytes < premium.max_upload_bytes
    assert free.jobs_in_flight < premium.jobs_in_flight

"""The staff's pages about jobs: find, see why, act with a reason; and what they refuse."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from accounts import plans
from annotations import jobs, timeline
from annotations.states import Job
from archival import lookup, staff
from gas_project import aws, clock
from tests.archival.test_staff import failed_run, stuck
from tests.core import Counted, hot, look, new_job, person
from tests.people import browser, sign_up, site, text
from tests.staff import JOBS, act, boss, do, member

UNKNOWN = "00000000-0000-4000-8000-000000000000"

__all__ = ["site"]
pytestmark = pytest.mark.usefixtures("site")
VIEW = "view_job"


def shown(response: Any) -> set[str]:
    """Return the ids of the jobs in a list."""
    return set(re.findall(rf'href="{JOBS}([0-9a-f-]{{36}})/change/', text(response)))


def ids(*found: Job) -> set[str]:
    return {job.job_id for job in found}


def made(user_id: str, **facts: Any) -> Job:
    job = new_job(user_id, **facts)
    jobs.create(job, actor="owner")
    return job


# --- finding -----------------------------------------------------------------------------------


def test_the_first_list_is_what_needs_attention() -> None:
    problem, _ = stuck(), hot(person())
    page = boss().get(JOBS)
    assert shown(page) == ids(problem)
    assert "A person must look: bytes differ" in text(page)


def test_nothing_that_needs_attention_is_said() -> None:
    assert "No job needs attention." in text(boss().get(JOBS))


def test_a_state_is_chosen_and_narrowed_to_a_reference() -> None:
    user = person()
    virus, human = (
        made(user, state="FAILED", failed="x", reference=reference)
        for reference in ("sars-cov-2", "human-mt")
    )
    client = boss()
    assert shown(client.get(JOBS, {"state": "FAILED"})) == ids(virus, human)
    assert shown(client.get(JOBS, {"state": "FAILED", "reference": "human-mt"})) == ids(human)


def test_an_unknown_state_shows_what_needs_attention() -> None:
    problem = stuck()
    assert shown(boss().get(JOBS, {"state": "BROKEN"})) == ids(problem)


def test_a_search_finds_by_job_person_and_address_in_every_state() -> None:
    owner = sign_up("owner@gas.invalid")
    plans.create(user_id=str(owner.pk))
    job, failure = hot(str(owner.pk)), made(str(owner.pk), state="FAILED", failed="x")
    hot(person())
    client = boss()
    assert shown(client.get(JOBS, {"q": job.job_id})) == ids(job)
    assert shown(client.get(JOBS, {"q": "OWNER@gas.invalid"})) == ids(job, failure)
    assert shown(client.get(JOBS, {"q": str(owner.pk)})) == ids(job, failure)
    narrowed = client.get(JOBS, {"q": str(owner.pk), "state": "FAILED"})
    assert shown(narrowed) == ids(failure)


@pytest.mark.parametrize("asked", ["nobody@gas.invalid", UNKNOWN, "%' OR 1=1", "job"])
def test_a_search_that_finds_nothing_says_so(asked: str) -> None:
    page = boss().get(JOBS, {"q": asked})
    assert shown(page) == set()
    assert "Nobody here has" in text(page) or "No job was found" in text(page)


def test_the_jobs_of_who_left_are_found_by_the_persons_id() -> None:
    job = hot(person())
    page = boss().get(JOBS, {"q": job.user_id})
    assert shown(page) == ids(job)
    assert "(has left)" in text(page)


# --- pages -------------------------------------------------------------------------------------


def _next(response: Any) -> str:
    found = re.search(r'href="([^"]+)" rel="next"', text(response))
    return found.group(1).replace("&amp;", "&") if found else ""


def test_a_list_is_read_page_by_page_and_each_job_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "PAGE", 2)
    user = person()
    every = ids(*(made(user, state="FAILED", failed="x", submitted_at=n) for n in range(1, 6)))
    client, seen, address = boss(), [], "?state=FAILED"
    while address:
        page = client.get(JOBS + address)
        seen += sorted(shown(page))
        address = _next(page)
    assert len(seen) == 5
    assert set(seen) == every


def test_a_cursor_goes_with_no_other_link_of_its_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "PAGE", 2)
    user = person()
    for number in range(1, 6):
        made(user, state="FAILED", failed="x", submitted_at=number)
    client = boss()
    page = client.get(JOBS + _next(client.get(JOBS, {"state": "FAILED"})))
    with_cursor = re.findall(r'(?:href="\?|name=")[^"]*cursor[^"]*"', text(page))
    assert len(with_cursor) == 1, "only the link to the next page has one"
    assert "cursor" in _next(page)


def test_a_rare_reference_gives_a_short_page_that_says_how_far_it_looked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lookup, "PAGE", 1)
    monkeypatch.setattr(lookup, "LOOKED_AT", 2)
    user = person()
    rare = made(user, state="FAILED", failed="x", submitted_at=1, reference="human-mt")
    for number in range(2, 6):
        made(user, state="FAILED", failed="x", submitted_at=number)
    client = boss()
    first = client.get(JOBS, {"state": "FAILED", "reference": "human-mt"})
    assert shown(first) == set()
    assert "Looked at 2 jobs" in text(first)
    pages = [client.get(JOBS + _next(first))]
    pages.append(client.get(JOBS + _next(pages[0])))
    assert shown(pages[1]) == ids(rare)


def _cursor_of_another_list(user_id: str) -> str:
    for number in range(1, 4):
        made(user_id, submitted_at=number)
    cursor = jobs.by_user(user_id=user_id, limit=1).cursor
    assert cursor
    return cursor


def test_a_bad_cursor_leads_to_the_first_page_and_says_so() -> None:
    client = boss()
    for cursor in ("junk", _cursor_of_another_list(person())):
        page = client.get(JOBS, {"cursor": cursor}, follow=True)
        assert page.redirect_chain == [(JOBS + "?e=1", 302)]
        assert "start at the first page" in text(page).casefold()


def test_a_bad_cursor_twice_is_an_error_page() -> None:
    page = boss().get(JOBS, {"cursor": "junk", "e": "1"})
    assert "Database error" in text(page)


@pytest.mark.parametrize("asked", ["user_id=x", "state__in=HOT", "nothing=1", "_to_field=state"])
def test_what_no_index_answers_is_not_asked(asked: str) -> None:
    assert boss().get(f"{JOBS}?{asked}").status_code == 400


def test_sorting_and_show_all_are_left_alone() -> None:
    problem = stuck()
    assert shown(boss().get(f"{JOBS}?o=1.-2&all=&p=7")) == ids(problem)


def test_no_page_scans_and_a_list_reads_its_plans_in_one_call() -> None:
    found = [stuck() for _ in range(3)]
    client = boss()
    with Counted(aws.dynamodb(), ()) as calls:
        client.get(JOBS)
    assert sorted(calls.seen) == ["BatchGetItem", "Query"]
    with Counted(aws.dynamodb(), ()) as calls:
        client.get(JOBS, {"q": str(uuid.uuid4())})
        client.get(f"{JOBS}{found[0].job_id}/change/")
        do(client, "release", *ids(*found))
    assert "Scan" not in calls.seen


# --- one job -----------------------------------------------------------------------------------


def test_a_job_shows_its_facts_its_timeline_and_why() -> None:
    owner = sign_up("owner@gas.invalid")
    plans.create(user_id=str(owner.pk))
    job = hot(str(owner.pk), variants=7)
    page = text(boss().get(f"{JOBS}{job.job_id}/change/"))
    for fact in (job.job_id, "owner@gas.invalid", "Free", job.sha256, str(job.copy), "7 variants"):
        assert fact in page
    assert "<td>submit</td><td>owner</td>" in page
    assert staff.why(look(job), plans.get(job.user_id), clock.now())[:12] in page


@pytest.mark.parametrize("key", [UNKNOWN, "junk", "..%2F", "0" * 300])
def test_an_unknown_job_is_said_to_be_unknown(key: str) -> None:
    page = boss().get(f"{JOBS}{key}/change/", follow=True)
    assert "exist. Perhaps it was deleted?" in text(page)


def test_a_job_shows_what_may_be_done_and_why_the_rest_does_not_fit() -> None:
    page = text(boss().get(f"{JOBS}{stuck().job_id}/change/"))
    assert re.search(r'<button type="submit" class="button">\s*Release…', page)
    assert "Its run did not fail." in page


def test_names_are_shown_as_text() -> None:
    job = hot(person(), name="<script>alert(1)</script>")
    page = text(boss().get(f"{JOBS}{job.job_id}/change/"))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


@pytest.mark.parametrize("path", ["add/", "{}/delete/", "{}/change/"])
def test_nothing_is_added_changed_or_deleted_by_form(path: str) -> None:
    job = hot(person())
    answer = boss().post(JOBS + path.format(job.job_id), {"name": "other", "state": "DELETED"})
    assert answer.status_code == 403
    assert look(job) == job


# --- who may -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/staff/", JOBS, f"{JOBS}{UNKNOWN}/change/"])
def test_staff_sign_in_where_everybody_does(path: str) -> None:
    answer = Client().get(path, follow=True)
    assert answer.redirect_chain[-1][0].startswith("/accounts/login/?next=")


@pytest.mark.parametrize("path", ["/staff/", JOBS, f"{JOBS}{UNKNOWN}/change/"])
def test_other_people_see_nothing(path: str) -> None:
    answer = browser(sign_up("owner@gas.invalid")).get(path, follow=True)
    assert answer.status_code == 403


def test_staff_without_the_right_to_view_see_nothing() -> None:
    job = stuck()
    client = member("retry_job")
    assert client.get(JOBS).status_code == 403
    assert client.get(f"{JOBS}{job.job_id}/change/").status_code == 403
    assert client.get(f"{JOBS}{job.job_id}/history/").status_code == 403


def test_who_may_only_view_is_offered_no_act_and_can_forge_none() -> None:
    job, client = stuck(), member(VIEW)
    assert "Release" not in text(client.get(f"{JOBS}{job.job_id}/change/"))
    page = do(client, "release", job.job_id)
    assert page.status_code == 200
    assert look(job) == job


@pytest.mark.parametrize("right", ["retry", "release", "hold"])
def test_each_act_needs_a_right_of_its_own(right: str) -> None:
    fitting: dict[str, Callable[[], Job]] = {
        "retry": failed_run,
        "release": stuck,
        "hold": lambda: hot(person()),
    }
    client = member(VIEW, f"{right}_job")
    done = {}
    for name, make in fitting.items():
        job = make()
        do(client, name, job.job_id)
        done[name] = look(job) != job
    assert done == {name: name == right for name in fitting}


# --- acting ------------------------------------------------------------------------------------


def test_an_act_asks_for_a_reason_first() -> None:
    job, client = stuck(), boss()
    page = act(client, "release", job.job_id)
    assert "its tries begin anew" in text(page)
    assert "Release: 1 job" in text(page)
    assert look(job) == job


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201, "\0"])
def test_an_act_without_a_proper_reason_is_asked_again(reason: str) -> None:
    job, client = stuck(), boss()
    page = do(client, "release", job.job_id, reason=reason)
    assert "errorlist" in text(page)
    assert look(job) == job


def test_an_act_leaves_an_audit_line_here_and_in_the_timeline() -> None:
    job, client = stuck(), boss()
    page = do(client, "release", job.job_id, reason="disk was repaired")
    assert page.redirect_chain[-1][0] == f"{JOBS}{job.job_id}/change/"
    assert "Release: done for 1 job." in text(page)
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.change_message) == (job.job_id, "Release: disk was repaired")
    line = timeline.read(job.job_id)[-1]
    assert (line.step, line.actor) == ("release", f"staff {entry.user.pk}")
    assert "disk was repaired" in text(client.get(f"{JOBS}{job.job_id}/history/"))


def test_an_act_on_many_does_what_fits_and_says_what_was_left() -> None:
    fits, other = stuck(), hot(person())
    page = text(do(boss(), "release", fits.job_id, other.job_id))
    assert "Release: done for 1 job." in page
    assert f"Left {other.job_id}: It does not need attention." in page
    assert look(fits).problem is None
    assert look(other) == other
    assert LogEntry.objects.count() == 1


def test_a_confirmation_page_says_what_does_not_fit() -> None:
    from annotations import storage

    job = failed_run()
    assert job.input is not None
    storage.remove(locator=job.input)
    page = text(act(boss(), "retry", job.job_id))
    assert "Left as it is. Its uploaded file is gone" in page
    assert 'name="confirmed"' not in page


def test_a_forged_select_across_does_nothing() -> None:
    first, second = stuck(), stuck()
    page = act(
        boss(), "release", first.job_id, select_across="1", confirmed="yes", reason="all of them"
    )
    assert "No job was ticked" in text(page)
    assert [look(first), look(second)] == [first, second]
    assert LogEntry.objects.count() == 0


def test_an_act_reads_the_job_anew_wherever_the_list_was() -> None:
    job, client = stuck(), boss()
    jobs.wish(job.job_id, now=clock.now(), step="delete", actor="owner", deleted=True)
    page = text(act(client, "hold", job.job_id))
    assert "It is being deleted." in page


def test_ticked_jobs_that_do_not_exist_are_left_out() -> None:
    page = do(boss(), "release", str(uuid.uuid4()), "junk")
    assert "No job was ticked that still exists." in text(page)

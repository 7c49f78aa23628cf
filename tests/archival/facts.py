"""Every combination of a job's facts, in the product's words and in the model's."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

from accounts.plans import Plan
from annotations.locators import Locator, Store
from annotations.states import Dated, Job
from tests.archival.model import facts as model

NOW = 10_000_000
USER = "00000000-0000-4000-8000-000000000001"
JOB = "00000000-0000-4000-8000-00000000000a"
STORES = {"hot": Store.HOT, "s3": Store.S3_GLACIER, "vault": Store.VAULT}

GARBAGE: tuple[tuple[model.Dated, ...], ...] = (
    (),
    ((model.Loc("s3", "g"), NOW - 1),),
    ((model.Loc("s3", "g"), NOW + 500),),
    ((model.Loc("vault", "g", "gone"), NOW - 1),),
)
EVERY: dict[str, tuple[object, ...]] = {
    "copy": (None, "hot", "s3", "vault"),
    "upload": (None, "u"),
    "retrieval": (None, "x"),
    "garbage": GARBAGE,
    "worker": (None, "w"),
    "problem": (None, "p"),
    "due_at": (None, NOW, NOW + 500, NOW + 700),
    "input": (None, "key"),
    "etag": (None, "etag"),
    "attempt": (None, "a/"),
    "failed": (None, "why"),
    "cancelled": (False, True),
    "deleted": (False, True),
}
WISHES: dict[str, tuple[model.Plan | None, int]] = {
    "hot, no plan": (None, 0),
    "hot, premium": (model.Plan(tier="premium"), 0),
    "hot until grace": (model.Plan(tier="free", grace_until=NOW + 700), NOW + 1),
    "hot until kept": (model.Plan(tier="free", grace_until=NOW - 5), NOW + 700),
    "cold": (model.Plan(tier="free", grace_until=NOW), NOW - 1),
}


@dataclass(frozen=True)
class Case:
    """One combination: the product's job, the model's item."""

    job: Job
    item: model.Item


def locator(loc: model.Loc) -> Locator:
    return Locator(STORES[loc.store], "b", loc.name, loc.upload)


def _locator(loc: model.Loc | None) -> Locator | None:
    return locator(loc) if loc else None


def _dated(entry: model.Dated) -> Dated:
    return Dated(locator(entry[0]), entry[1])


def job_of(item: model.Item) -> Job:
    """Return the product's job of the same facts."""
    same = ("due_at", "worker", "problem", "etag", "failed", "cancelled", "deleted", "retrieval")
    return Job(
        job_id=JOB,
        user_id=USER,
        name="a.vcf",
        reference="sars-cov-2",
        submitted_at=NOW - 100,
        rev="r",
        input=_locator(item.input),
        copy=_locator(item.copy),
        upload=_locator(item.upload),
        attempt=_dated(item.attempt[0]) if item.attempt else None,
        garbage=tuple(_dated(entry) for entry in item.garbage),
        archive_after=item.archive_after,
        **{name: getattr(item, name) for name in same},
    )


def plan_of(plan: model.Plan | None) -> Plan | None:
    """Return the product's plan of the same facts."""
    if plan is None:
        return None
    return Plan(user_id=USER, tier=plan.tier, rev=plan.rev, grace_until=plan.grace_until)


def possible(x: dict[str, object]) -> bool:
    """Whether some writes of the protocol can bring these facts about."""
    copy, moving, ended = x["copy"], x["upload"] or x["retrieval"], x["failed"] or x["cancelled"]
    if copy == "hot" and x["retrieval"]:
        return False
    if copy in ("s3", "vault") and x["upload"] and not x["retrieval"]:
        return False
    if (moving and not copy) or (copy and not x["attempt"]) or (x["attempt"] and not x["etag"]):
        return False
    if not x["deleted"] and not x["input"]:
        return False
    return not (x["problem"] and not copy and not ended)


def _item(x: dict[str, object]) -> model.Item:
    copy, upload = x["copy"], x["upload"]
    target = "s3" if copy == "hot" else "hot"
    fixed = {
        "copy": model.Loc(str(copy), "c") if copy else None,
        "upload": model.Loc(target, "n", str(upload)) if upload else None,
        "input": model.Loc("hot", "key") if x["input"] else None,
        "attempt": ((model.Loc("hot", "a/"), NOW + 100),) if x["attempt"] else (),
    }
    return model.Item(JOB, **{**x, **fixed})  # type: ignore[arg-type]


def every_item() -> Iterator[model.Item]:
    """Yield each possible combination once; what is held and what has lapsed are both there."""
    for values in product(*EVERY.values()):
        x = dict(zip(EVERY, values, strict=True))
        if possible(x):
            yield _item(x)


def cases(archive_after: int) -> Iterator[Case]:
    """Yield every combination in both languages."""
    for item in ITEMS:
        dated = replace(item, archive_after=archive_after)
        yield Case(job_of(dated), dated)


ITEMS = list(every_item())

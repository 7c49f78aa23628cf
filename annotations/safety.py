"""Every delay and margin of a job's life: a name, a value in seconds, what it protects.

`REAL` is for AWS. `local()` is for the local cloud alone, where AWS's hours are divided by
GAS_TIME_SCALE; our own processes cannot be sped up as much, so their delays shrink 30 times less.
"""

from dataclasses import dataclass

from django.conf import settings

MINUTE, HOUR, DAY = 60, 3600, 24 * 3600


@dataclass(frozen=True, slots=True)
class Safety:
    """One set of delays, in seconds."""

    lease: int
    """A claim without a heartbeat lapses after this: to save double work; `rev` is the safety."""
    heartbeat: int
    """A running step prolongs its claim this often."""
    policy: int
    """How long a browser may begin to post an upload (a session's signature lives an hour)."""
    posts_end: int
    """After create, no post lands any more: the policy, and a slow post that began in time."""
    confirm_poll: int
    """An upload that did not come is looked for this often."""
    abandoned: int
    """An upload that never came is given up."""
    run_limit: int
    """An annotator signs no put later than this after its claim, and its child gets no longer."""
    signed: int
    """S3 refuses a signature older than this (S3 guide, "Authenticating requests": 15 min)."""
    skew: int
    """How far two workers' clocks may differ."""
    link: int
    """Life of a download link."""
    links_end: int
    """A hot object stays this long after its archive was made, for links that are in use."""
    keep: int
    """An archive stays this long after its birth: cold stores bill 90 days anyway."""
    keep_deep: int
    """The same in Deep Archive, which bills 180 days (S3 User Guide, "Using storage classes")."""
    ready_poll: int
    """A retrieval that is late is asked about this often."""
    refused: int
    """First wait after a policy refused a retrieval; doubled each time."""
    back_off: int
    """First wait after a failed move; doubled each time."""
    outage: int
    """Wait after AWS was away, so that an outage does not use up a job's tries."""
    proof: int
    """An inventory proves the absence of what is older than it by this."""
    sweep: int
    """Seconds between two sweeps."""
    spread: int
    """At most this many of one person's jobs become due a minute after a plan change."""
    expedited: int
    """AWS's upper figure for an Expedited retrieval (Glacier guide: 1-5 minutes)."""
    standard: int
    """AWS's upper figure for a Standard retrieval (Glacier guide: 3-5 hours)."""
    bulk: int
    """AWS's upper figure for a Bulk retrieval (Glacier guide: 5-12 hours)."""
    deep_standard: int
    """The same from Deep Archive (S3 User Guide, "Archive retrieval options": 12 hours)."""
    deep_bulk: int
    """The same from Deep Archive (S3 User Guide, "Archive retrieval options": 48 hours)."""

    def eta(self, tier: str, *, deep: bool = False) -> int:
        """Return the seconds until a retrieval of that speed should be ready.

        `deep`: from Deep Archive, which has no Expedited: Standard is asked instead.
        """
        if deep:
            return self.deep_bulk if tier == "Bulk" else self.deep_standard
        return {"Expedited": self.expedited, "Standard": self.standard, "Bulk": self.bulk}[tier]


TRIES = 5
"""Failed moves before a person is asked."""
RUN_CLAIMS = 5
"""Claims without a record before a run has failed: the file crashes annotators."""
CLAIMS = 10
"""Claims without a record of any other step before a person is asked."""
REFUSALS = 3
"""Policy refusals of Standard before Bulk is asked."""
GARBAGE = 50
"""Entries of garbage at which no new upload is opened: an item holds 400 KB at most."""

REAL = Safety(
    lease=2 * MINUTE,
    heartbeat=30,
    policy=HOUR,
    posts_end=75 * MINUTE,
    confirm_poll=15 * MINUTE,
    abandoned=DAY,
    run_limit=HOUR,
    signed=15 * MINUTE,
    skew=10 * MINUTE,
    link=5 * MINUTE,
    links_end=15 * MINUTE,
    keep=90 * DAY,
    keep_deep=180 * DAY,
    ready_poll=15 * MINUTE,
    refused=HOUR,
    back_off=MINUTE,
    outage=5 * MINUTE,
    proof=DAY,
    sweep=MINUTE,
    spread=200,
    expedited=5 * MINUTE,
    standard=5 * HOUR,
    bulk=12 * HOUR,
    deep_standard=12 * HOUR,
    deep_bulk=48 * HOUR,
)


def local(scale: float) -> Safety:
    """Return the delays of the local cloud. One machine has one clock, so there is no skew."""
    pace = max(1.0, scale / 30)

    def ours(seconds: float, least: int) -> int:
        return max(least, round(seconds / pace))

    def aws(seconds: float, least: int = 1) -> int:
        return max(least, round(seconds / scale))

    posts_end = ours(REAL.posts_end, 35)
    return Safety(
        lease=ours(REAL.lease, 10),
        heartbeat=ours(REAL.heartbeat, 2),
        policy=ours(REAL.policy, 30),
        posts_end=posts_end,
        confirm_poll=ours(REAL.confirm_poll, 5),
        abandoned=max(aws(REAL.abandoned), 2 * posts_end),
        run_limit=ours(REAL.run_limit, 30),
        signed=ours(REAL.signed, 10),
        skew=0,
        link=ours(REAL.link, 5),
        links_end=ours(REAL.links_end, 10),
        keep=aws(REAL.keep, 60),
        keep_deep=aws(REAL.keep_deep, 60),
        ready_poll=aws(REAL.ready_poll, 2),
        refused=aws(REAL.refused, 2),
        back_off=ours(REAL.back_off, 2),
        outage=ours(REAL.outage, 5),
        proof=aws(REAL.proof, 5),
        sweep=5,
        spread=REAL.spread,
        expedited=aws(REAL.expedited),
        standard=aws(REAL.standard),
        bulk=aws(REAL.bulk),
        deep_standard=aws(REAL.deep_standard),
        deep_bulk=aws(REAL.deep_bulk),
    )


def margins() -> Safety:
    """Return the delays in force: `REAL`, but for the local cloud."""
    return local(settings.GAS_TIME_SCALE) if settings.GAS_LOCAL else REAL

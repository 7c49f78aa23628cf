"""`make bench-pages`: how long the pages take for a person of 1,000 jobs, and requests a second.

The web process is gunicorn as `make run` starts it; the local cloud is a process of its own. JOBS
(default 1000) chooses how many jobs. Nothing is asserted about time; the goal is 300 ms.
"""

import http.client
import os
import secrets
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
os.environ.setdefault("DJANGO_SECRET_KEY", secrets.token_hex(32))
os.environ.setdefault("GAS_LOG_LEVEL", "WARNING")
django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402

from accounts.models import User  # noqa: E402
from annotations import run, services  # noqa: E402
from annotations.states import Dated  # noqa: E402
from gas_project import clock  # noqa: E402
from tests.benchmarks.place import (  # noqa: E402
    ROOT,
    Cloud,
    heading,
    measured,
    new_cloud,
    say,
    table,
    timed,
)
from tests.core import look, new_job  # noqa: E402
from tests.service import free_pair  # noqa: E402

JOBS = int(os.environ.get("JOBS", "1000"))
GOAL = 0.3
LOOKS = 25
THREADS = 8
SECONDS = 5
STATES = ("HOT", "COLD", "RESTORING", "FAILED", "HOT", "HOT")

Pages = dict[str, str]


# --- a person of many jobs -------------------------------------------------------------------


def annotated(user_id: str) -> str:
    """Annotate the example for real and return the job's id."""
    job = services.example(user_id=user_id, example=services.EXAMPLES[0].id)
    run.advance(job.job_id, stopping=lambda: False)
    assert look(job).state == "HOT"
    return job.job_id


def fill(user_id: str, count: int, like: str) -> None:
    """Put `count` jobs of mixed states, the newest minutes old; `like` is a job to take after."""
    from annotations import jobs

    model, now = look(like), clock.now()
    assert model.attempt is not None

    def put(number: int) -> None:
        state = STATES[number % len(STATES)]
        facts = {"copy": model.copy, "size": model.size, "sha256": model.sha256}
        job = new_job(
            user_id,
            state=state,
            name=f"sample {number}.vcf.gz",
            submitted_at=now - 60 * (number + 1),
            completed_at=now,
            due_at=None,
            etag="e",
            attempt=Dated(model.attempt.locator, now) if model.attempt else None,
            **({"failed": "not a VCF"} if state == "FAILED" else facts),
        )
        jobs.create(job, actor="owner")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, range(count)))


def pages(job_id: str) -> Pages:
    """Return what is asked for: a name and an address each."""
    return {
        "job list": "/jobs/",
        "job list, as it renews itself": "/jobs/#part",
        "job list, archived only": "/jobs/?group=archived",
        "job list, a name that is not there": "/jobs/?search=nothing-of-that-name",
        "job, with summary and first variants": f"/jobs/{job_id}/",
        "job, the part that renews itself": f"/jobs/{job_id}/live/?state=HOT",
        "log of a job": f"/jobs/{job_id}/log/",
        "upload page": "/jobs/new/",
        "plan": "/plan/",
        "restores": "/plan/restores/",
        "health": "/healthz",
    }


# --- the web process -------------------------------------------------------------------------


@contextmanager
def new_site() -> Iterator[str]:
    """Run gunicorn as `make run` does and yield its address."""
    port = free_pair()
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "gas_project.settings"}
    command = ["-m", "gunicorn", "gas_project.wsgi", "--threads", "8"]
    command += ["--bind", f"127.0.0.1:{port}", "--log-level", "warning"]
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment)
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/healthz")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError("the web process did not come up")


def get(site: str, address: str, cookie: str) -> int:
    """Get a page over a new connection, as behind a proxy; return its length."""
    path, _, part = address.partition("#")
    connection = http.client.HTTPConnection(urlsplit(site).netloc, timeout=60)
    headers = {"Cookie": f"sessionid={cookie}"} | ({"HX-Request": "true"} if part else {})
    connection.request("GET", path, headers=headers)
    reply = connection.getresponse()
    body = reply.read()
    connection.close()
    assert reply.status == 200, f"{path} answered {reply.status}"
    return len(body)


# --- figures ---------------------------------------------------------------------------------


def look_at(cloud: Cloud, site: str, every: Pages, browser: Client) -> list[list[str]]:
    """Return a row for each page: median and slowest time, AWS calls, size, requests a second."""
    cookie = browser.cookies["sessionid"].value
    rows = []
    for name, address in every.items():
        size = get(site, address, cookie)
        times = [timed(lambda a=address: get(site, a, cookie)) for _ in range(LOOKS)]  # type: ignore[misc]
        with measured(cloud) as spent:
            path, _, part = address.partition("#")
            browser.get(path, headers={"HX-Request": "true"} if part else {})
        middle = statistics.median(times)
        figures = [f"{1000 * one:.0f}" for one in (middle, max(times))]
        flag = "  over the goal" if middle > GOAL else ""
        calls = str(spent.calls.total())
        rate = f"{a_second(site, address, cookie):.0f}"
        rows.append([name, *figures, calls, f"{size / 1024:.0f}", rate, flag])
    return rows


def a_second(site: str, address: str, cookie: str) -> float:
    """Return the requests a second that several threads together get answered."""
    until, lock, answered = time.monotonic() + SECONDS, threading.Lock(), [0]

    def ask() -> None:
        while time.monotonic() < until:
            get(site, address, cookie)
            with lock:
                answered[0] += 1

    began = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        for each in [pool.submit(ask) for _ in range(THREADS)]:
            each.result()
    return answered[0] / (time.monotonic() - began)


def main() -> None:
    """Make the person, ask for each page, print."""
    settings.ALLOWED_HOSTS = ["127.0.0.1", "testserver"]
    with new_cloud() as cloud:
        call_command("setup_local")
        user = User.objects.get(email="premium@gas.invalid")
        job_id = annotated(str(user.pk))
        fill(str(user.pk), JOBS - 1, job_id)
        browser = Client()
        browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        with new_site() as site:
            heading(f"Pages of a person with {JOBS} jobs; one web process of eight threads")
            rows = look_at(cloud, site, pages(job_id), browser)
    head = ["", "median ms", "slowest ms", "AWS calls", "KiB", f"requests/s of {THREADS}", ""]
    table(head, rows)
    say(f"The goal is {1000 * GOAL:.0f} ms at the median on an idle machine.")


if __name__ == "__main__":
    main()

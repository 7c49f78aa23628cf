"""The running service in a real browser: from sign-up to a thawed result, at both widths."""

import gzip
import hashlib
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from accounts.management.commands.setup_local import PASSWORD
from annotations.genomics import references
from annotations.genomics.examples import BROKEN, EXAMPLES
from tests.journeys.person import Person
from tests.service import Service

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]
SECRET = "a-long-pass-phrase-of-mine"


@pytest.fixture(scope="module")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a whole service whose Free results are archived after 40 seconds."""
    service = Service(tmp_path_factory.mktemp("site"), GAS_GRACE="40", GAS_TIME_SCALE="360")
    try:
        service.start()
        yield f"http://127.0.0.1:{service.port}"
    finally:
        service.kill()


def confirm_address(person: Person, email: str) -> None:
    """Follow the link of the mail that the mailbox page shows."""
    person.go("/mailbox/")
    person.picture("mailbox")
    person.page.locator("tr", has_text=email).first.locator("a").first.click()
    text = person.page.inner_text("main")
    link = re.search(r"http://127\.0\.0\.1:\d+(/accounts/confirm-email/\S+)", text)
    assert link
    person.go(link[1])
    person.page.locator("main button[type=submit]").click()
    person.page.wait_for_load_state()


def sign_up(person: Person, email: str) -> None:
    person.go("/accounts/signup/")
    person.page.fill("input[name=email]", email)
    person.page.fill("input[name=password1]", SECRET)
    person.page.fill("input[name=password2]", SECRET)
    person.picture("sign-up")
    person.page.press("input[name=password2]", "Enter")
    expect(person.page.get_by_role("heading", name="Verify")).to_be_visible()
    confirm_address(person, email)


def upload(person: Person, path: str, reference: str) -> str:
    """Send a file by the form with its progress, and return the job's address."""
    person.go("/jobs/new/")
    person.page.set_input_files("#file", path)
    person.page.select_option("select[name=reference]", reference)
    person.picture("upload")
    person.page.click("#send")
    person.page.wait_for_url(re.compile(r"/jobs/[0-9a-f-]{36}/$"))
    return person.page.url.removeprefix(person.site)


def becomes(person: Person, job: str, word: str, seconds: int = 90) -> None:
    """Reload a job's page until its badge says a word."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        person.go(job)
        if word in person.page.inner_text(".page-head"):
            return
        time.sleep(1)
    raise AssertionError(f"never {word}: {person.page.inner_text('.page-head')}")


def download(person: Person) -> str:
    """Download the result and return its SHA-256."""
    with person.page.expect_download() as started:
        person.page.get_by_role("link", name="Download").first.click()
    assert started.value.suggested_filename.endswith(".annotated.vcf.gz")
    return hashlib.sha256(started.value.path().read_bytes()).hexdigest()


@pytest.mark.parametrize("width", [1280, 390])
def test_from_sign_up_to_a_thawed_result(browser: Browser, site: str, width: int) -> None:
    person = Person(browser, site, width=width)
    person.go("/")
    person.picture("landing")
    email = f"ada-{width}@gas.invalid"
    sign_up(person, email)
    person.sign_in(email, SECRET)
    person.picture("jobs-empty")

    job = upload(person, str(EXAMPLES[0].path), "sars-cov-2")
    becomes(person, job, "Archives on")
    expect(person.page.locator("main")).to_contain_text("D614G")
    person.picture("result")
    first = download(person)
    person.go("/jobs/")
    person.picture("jobs")

    becomes(person, job, "Archived", 120)
    expect(person.page.locator("main")).to_contain_text("D614G")
    person.picture("archived")

    person.go("/plan/")
    person.picture("plan")
    person.page.get_by_role("button", name="Upgrade with a test payment").click()
    expect(person.page.get_by_role("heading", name="Restoring", exact=True)).to_be_visible()
    person.picture("restoring")
    becomes(person, job, "Available")
    person.picture("thawed")
    assert download(person) == first

    person.go("/plan/downgrade/")
    person.picture("downgrade")
    person.go("/mailbox/")
    expect(person.page.locator("main")).to_contain_text("Your results are back")

    person.go(job + "delete/")
    person.picture("delete")
    person.page.get_by_role("button", name="Delete for good").click()
    person.page.wait_for_url("**/jobs/")
    answer = person.page.goto(site + job)
    assert answer
    assert answer.status == 404
    assert [trouble for trouble in person.troubles if "404" not in trouble] == []


def alike(folder: Path) -> Path:
    """Return the broken example without the lines that the upload page itself refuses."""
    lines = BROKEN.path.read_text().splitlines(keepends=True)
    kept = (line for line in lines if line.startswith("##") or line.count("\t") == 7)
    (folder / "broken.vcf").write_text("".join(kept))
    return folder / "broken.vcf"


def large(folder: Path) -> Path:
    """Return a file that an annotator needs seconds for: every SNV of the virus, four times."""
    genome = references.find("sars-cov-2")
    bases = references.read_sequences(genome.sequence)["NC_045512.2"].decode()
    with gzip.open(folder / "large.vcf.gz", "wt", compresslevel=1) as file:
        file.write("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
        for pos, ref in enumerate(bases, 1):
            for alt in "ACGT".replace(ref, ""):
                file.write(f"NC_045512.2\t{pos}\t.\t{ref}\t{alt}\t.\tPASS\t.\n" * 4)
    return folder / "large.vcf.gz"


def choose(person: Person, path: Path) -> None:
    """Choose a file on the upload page and wait for what the page says of it."""
    person.go("/jobs/new/")
    person.page.set_input_files("#file", path)
    expect(person.page.locator("#seen-title")).to_be_visible()


def send(person: Person, button: str) -> str:
    """Send the chosen file, and return the job's address."""
    person.page.get_by_role("button", name=button).click()
    person.page.wait_for_url(re.compile(r"/jobs/[0-9a-f-]{36}/$"))
    return person.page.url.removeprefix(person.site)


def export(person: Person) -> list[str]:
    """Filter a result by gene and consequence, export what is left, and return its records."""
    page = person.page
    if person.width < 900:
        page.locator(".filters summary").click()
    page.get_by_label("missense").check()
    page.fill("[name=gene]", "S")
    expect(page.locator(".chip", has_text="gene S")).to_be_visible()
    expect(page.locator("#count")).to_contain_text("of 89")
    person.picture("lab-filtered")
    with page.expect_download() as started:
        page.get_by_role("link", name="VCF.gz of the filtered").click()
    text = gzip.decompress(started.value.path().read_bytes()).decode()
    return [line for line in text.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("width", [1280, 390])
def test_a_day_in_the_laboratory(browser: Browser, site: str, width: int, tmp_path: Path) -> None:
    person = Person(browser, site, width=width)
    person.sign_in("premium@gas.invalid", PASSWORD)

    packed = tmp_path / "lineages.vcf.gz"
    packed.write_bytes(gzip.compress(EXAMPLES[0].path.read_bytes()))
    choose(person, packed)
    expect(person.page.locator("#seen-title")).to_have_text("Nothing is wrong so far")
    expect(person.page.locator("#proposed")).to_contain_text("NC_045512.2 of 29,903 bases")
    person.picture("lab-proposed")
    job = send(person, "Annotate")
    becomes(person, job, "Available")
    person.picture("lab-result")
    person.page.get_by_role("link", name="Variants").first.click()
    records = export(person)
    assert f"{len(records)} of 89" in person.page.inner_text("#count")
    assert all("missense|S|" in record for record in records)

    choose(person, BROKEN.path)
    expect(person.page.locator("#seen-rows")).to_contain_text("The line has 5 columns")
    expect(person.page.locator("#send")).to_be_disabled()
    person.picture("lab-refused-here")
    choose(person, alike(tmp_path))
    person.picture("lab-doubtful")
    becomes(person, send(person, "Send it anyway"), "Failed")
    expect(person.page.locator("main")).to_contain_text("REF differs from SARS-CoV-2")
    person.picture("lab-failed")

    choose(person, large(tmp_path))
    person.page.select_option("[name=reference]", "sars-cov-2")
    job = send(person, "Annotate")
    person.picture("lab-running")
    person.page.get_by_role("button", name="Cancel").click()
    becomes(person, job, "Cancelled")
    person.picture("lab-cancelled")
    assert person.troubles == []


def test_a_bad_file_is_told_by_line_with_what_to_do(
    browser: Browser, site: str, tmp_path: Path
) -> None:
    person = Person(browser, site, width=1280)
    person.sign_in("premium@gas.invalid", PASSWORD)
    job = upload(person, str(alike(tmp_path)), "sars-cov-2")
    becomes(person, job, "Failed")
    expect(person.page.get_by_role("heading", name="What is wrong with the file")).to_be_visible()
    expect(person.page.locator("main")).to_contain_text("ALT holds something that is no allele")
    person.picture("failed")
    assert person.troubles == []


def test_without_javascript_a_file_is_uploaded_and_annotated(browser: Browser, site: str) -> None:
    person = Person(browser, site, width=1280, script=False)
    person.sign_in("premium@gas.invalid", PASSWORD)
    person.go("/jobs/new/")
    person.page.select_option("select[name=reference]", "human-mt")
    person.page.fill("input[name=name]", "no script")
    person.page.click("#send")
    person.page.set_input_files("form[enctype] input[type=file]", str(EXAMPLES[1].path))
    person.picture("upload-without-script")
    person.page.get_by_role("button", name="Send and annotate").click()
    person.page.wait_for_url(re.compile(r"/jobs/[0-9a-f-]{36}/$"))
    becomes(person, person.page.url.removeprefix(site), "Available")
    expect(person.page.locator("main")).to_contain_text("R340H")


def test_an_example_is_one_click_and_can_be_renamed_and_run_again(
    browser: Browser, site: str
) -> None:
    person = Person(browser, site, width=390)
    person.sign_in("premium@gas.invalid", PASSWORD)
    person.go("/jobs/new/")
    person.page.get_by_role("button", name="Try it").first.click()
    person.page.wait_for_url(re.compile(r"/jobs/[0-9a-f-]{36}/$"))
    job = person.page.url.removeprefix(site)
    becomes(person, job, "Available")
    person.page.get_by_text("Rename").click()
    person.page.fill("input[name=name]", "lineages of spring")
    person.page.get_by_role("button", name="Save").click()
    expect(person.page.locator("h1")).to_have_text("lineages of spring")
    person.page.get_by_role("button", name="Run again").click()
    person.page.wait_for_url(lambda url: job not in url)
    becomes(person, person.page.url.removeprefix(site), "Available")
    assert person.troubles == []

"""References shared between machines: put into the bucket, listed, fetched once by checksum."""

import io
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command

from annotations import library, services, storage
from annotations.genomics import hints, reference_import, references
from deploy.local.run import LocalCloud
from gas_project import aws
from tests.annotations.genomics import toy


@pytest.fixture
def shared(cloud: LocalCloud, tmp_path: Path, settings: SimpleNamespace) -> Iterator[str]:
    """The toy genome in the bucket, and a machine that has never seen it."""
    made, _ = reference_import.add(toy.asked(tmp_path), tmp_path / "shelf")
    library.push(made)
    settings.GAS_DATA = tmp_path / "other-machine"
    library.forget_listing()
    yield made.id
    library.forget_listing()


def test_a_pushed_reference_is_offered_everywhere(shared: str) -> None:
    assert {choice.id for choice in services.references()} == {"sars-cov-2", "human-mt", shared}
    library.withdraw(shared)
    library.forget_listing()
    assert {choice.id for choice in services.references()} == {"sars-cov-2", "human-mt"}


def _keys() -> list[str]:
    listed = aws.s3().list_objects_v2(Bucket=aws.bucket("results"), Prefix="references/")
    return [row["Key"] for row in listed.get("Contents", ())]


def test_a_removed_reference_leaves_nothing_in_the_bucket_and_no_other_is_touched(
    shared: str,
) -> None:
    neighbour = f"references/{shared}-2/0/genes.gff3"
    for key in (neighbour, f"references/{shared}/older/genes.gff3"):
        aws.s3().put_object(Bucket=aws.bucket("results"), Key=key, Body=b"##gff-version 3\n")
    told = io.StringIO()
    call_command("references", "remove", shared, stdout=told)
    assert told.getvalue() == f"Removed {shared}. The bucket held 5 of its files.\n"
    assert _keys() == [neighbour]
    library.forget_listing()
    with pytest.raises(storage.NotThere):
        library.find(shared)
    with pytest.raises(CommandError, match="no reference"):
        call_command("references", "remove", shared)


def test_an_added_reference_is_shared_at_once_unless_it_is_for_here(
    cloud: LocalCloud, tmp_path: Path, settings: SimpleNamespace
) -> None:
    settings.GAS_DATA = tmp_path
    asked, told = toy.asked(tmp_path), io.StringIO()
    files = (str(asked.genome), str(asked.genes))
    call_command("references", "add", *files, "--id", "mine", "--here", stdout=told)
    assert _keys() == []
    call_command("references", "add", *files, "--id", "toy", stdout=told)
    assert "Every machine can use it" in told.getvalue()
    assert "references/toy.json" in _keys()


def test_a_shared_reference_tells_the_upload_page_its_sequences(shared: str) -> None:
    told = {one["id"]: one for one in library.described()}[shared]
    assert told["title"] == "Toy genome"
    assert [(c["name"], c["length"], c["aliases"]) for c in told["contigs"]] == [
        ("1", 1300, ["CM9.1", "NC_9.1", "chr1"]),
        ("MT", 60, ["M", "chrM", "chrMT"]),
    ]


def test_of_a_draft_genome_the_upload_page_knows_no_sequences(
    shared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hints, "MOST_CONTIGS", 0)
    here = [one["contigs"] for one in library.described() if one["id"] != shared]
    assert here == [[], []]


def test_a_worker_fetches_a_version_once_and_checks_it(
    shared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = library.find(shared)
    assert references.check(found) == []
    assert found.folder.name == found.checksum
    monkeypatch.setattr(storage, "fetch", lambda *_, **__: pytest.fail("fetched again"))
    assert library.find(shared) is found


def test_who_no_longer_wants_a_reference_need_not_wait_for_it(shared: str, tmp_path: Path) -> None:
    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        library.find(shared, look_up=stop)
    assert [*(tmp_path / "other-machine" / "references-cache").iterdir()] == []


def test_a_damaged_object_is_refused_and_nothing_is_kept(shared: str, tmp_path: Path) -> None:
    keys = aws.s3().list_objects_v2(Bucket=aws.bucket("results"), Prefix=f"references/{shared}/")
    (key,) = [row["Key"] for row in keys["Contents"] if row["Key"].endswith("genes.gff3")]
    aws.s3().put_object(Bucket=aws.bucket("results"), Key=key, Body=b"##gff-version 3\n")
    with pytest.raises(library.Damaged, match=r"genes\.gff3"):
        library.find(shared)
    assert [*(tmp_path / "other-machine" / "references-cache").iterdir()] == []


def test_a_reference_that_nobody_has_is_not_there(cloud: LocalCloud) -> None:
    with pytest.raises(storage.NotThere):
        library.find("no-such-reference")

"""Glacier's multipart uploads, as its API reference describes them."""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.vaults import (
    DAY,
    HOUR,
    MIB,
    VAULT,
    archive,
    begin,
    client_of,
    complete,
    let_pass,
    refusal,
    retrieve,
    send,
    some_bytes,
    tree_hash,
)

if TYPE_CHECKING:
    from types_boto3_glacier import GlacierClient

INVALID = (400, "InvalidParameterValueException")
GONE = (404, "ResourceNotFoundException")


@pytest.fixture
def glacier(cloud: Any) -> "GlacierClient":
    return client_of(cloud)


def completing(glacier: "GlacierClient", upload: str, **other: str) -> tuple[int, str, str]:
    wish = {"archiveSize": "1", "checksum": tree_hash(b"x"), **other}
    return refusal(glacier.complete_multipart_upload, vaultName=VAULT, uploadId=upload, **wish)


@pytest.mark.parametrize("size", [1, MIB - 1, MIB, MIB + 1, 3 * MIB, 5 * MIB + 9])
def test_an_archive_is_its_parts_in_order(glacier: "GlacierClient", cloud: Any, size: int) -> None:
    data = some_bytes(size)
    upload = begin(glacier)
    for start in reversed(range(0, size, MIB)):
        piece = data[start : start + MIB]
        assert send(glacier, upload, start, piece) == tree_hash(piece)
    made = complete(glacier, upload, data)
    job = retrieve(glacier, made)
    let_pass(cloud, 4 * HOUR)
    reply = glacier.get_job_output(vaultName=VAULT, jobId=job)
    assert reply["body"].read() == data
    assert reply["checksum"] == tree_hash(data)


def test_an_archive_id_has_138_characters_and_equal_bytes_are_two_archives(
    glacier: "GlacierClient",
) -> None:
    first, second = archive(glacier, b"same"), archive(glacier, b"same")
    assert len(first) == len(second) == 138
    assert first != second


@pytest.mark.parametrize("part", [0, 1, MIB - 1, 3 * MIB, 8192 * MIB])
def test_a_part_size_that_is_no_power_of_two_mebibytes_is_refused(
    glacier: "GlacierClient", part: int
) -> None:
    found = refusal(glacier.initiate_multipart_upload, vaultName=VAULT, partSize=str(part))
    assert found[:2] == INVALID


@pytest.mark.parametrize("part", [MIB, 8 * MIB, 4096 * MIB])
def test_a_power_of_two_mebibytes_is_a_part_size(glacier: "GlacierClient", part: int) -> None:
    upload = begin(glacier, part=part)
    found = glacier.list_parts(vaultName=VAULT, uploadId=upload)
    assert found["PartSizeInBytes"] == part


def test_a_part_size_is_required(glacier: "GlacierClient") -> None:
    found = refusal(glacier.initiate_multipart_upload, vaultName=VAULT)
    assert found[:2] == (400, "MissingParameterValueException")


def test_a_description_loses_leading_spaces_and_is_kept_as_it_is(glacier: "GlacierClient") -> None:
    upload = begin(glacier, description="  ~ gas1 <j> n")
    found = glacier.list_parts(vaultName=VAULT, uploadId=upload)
    assert found["ArchiveDescription"] == "~ gas1 <j> n"


@pytest.mark.parametrize("text", ["x" * 1025, "tab\tinside", "caf\u00e9"])
def test_a_description_of_other_characters_or_too_long_is_refused(
    glacier: "GlacierClient", text: str
) -> None:
    found = refusal(
        glacier.initiate_multipart_upload,
        vaultName=VAULT,
        archiveDescription=text,
        partSize=str(MIB),
    )
    assert found[:2] == INVALID


def test_a_description_of_1024_characters_is_fine(glacier: "GlacierClient") -> None:
    assert begin(glacier, description="x" * 1024)


@pytest.mark.parametrize(
    ("byte_range", "size"),
    [
        ("bytes 1-1048576/*", MIB),
        ("bytes 0-1048576/*", MIB + 1),
        ("bytes 0-1048575/*", MIB - 1),
        ("bytes 0-9/*", 20),
        ("bytes 9-0/*", 10),
        ("0-9", 10),
        (f"bytes {10_000 * MIB}-{10_000 * MIB}/*", 1),
    ],
)
def test_a_part_off_the_grid_or_of_another_length_is_refused(
    glacier: "GlacierClient", byte_range: str, size: int
) -> None:
    found = refusal(
        glacier.upload_multipart_part,
        vaultName=VAULT,
        uploadId=begin(glacier),
        range=byte_range,
        body=b"x" * size,
    )
    assert found[:2] == INVALID


def test_a_part_with_another_tree_hash_is_refused_and_not_kept(glacier: "GlacierClient") -> None:
    upload = begin(glacier)
    found = refusal(
        glacier.upload_multipart_part,
        vaultName=VAULT,
        uploadId=upload,
        range="bytes 0-3/*",
        checksum=tree_hash(b"nope"),
        body=b"data",
    )
    assert found[:2] == INVALID
    assert glacier.list_parts(vaultName=VAULT, uploadId=upload)["Parts"] == []


def test_a_part_with_another_sha256_is_refused(glacier: "GlacierClient") -> None:
    def spoil(params: Any, **_: Any) -> None:
        params["headers"]["x-amz-content-sha256"] = tree_hash(b"nope")

    upload = begin(glacier)
    glacier.meta.events.register("before-call.glacier.UploadMultipartPart", spoil)
    found = refusal(
        glacier.upload_multipart_part,
        vaultName=VAULT,
        uploadId=upload,
        range="bytes 0-3/*",
        body=b"data",
    )
    assert found[:2] == INVALID


def test_the_same_range_again_overwrites(glacier: "GlacierClient") -> None:
    upload = begin(glacier)
    send(glacier, upload, 0, b"first")
    send(glacier, upload, 0, b"second")
    parts = glacier.list_parts(vaultName=VAULT, uploadId=upload)["Parts"]
    assert parts == [{"RangeInBytes": "0-5", "SHA256TreeHash": tree_hash(b"second")}]


def test_a_short_part_that_is_not_the_last_is_taken_and_complete_then_fails(
    glacier: "GlacierClient",
) -> None:
    upload = begin(glacier)
    send(glacier, upload, 0, b"short")
    send(glacier, upload, MIB, b"last")
    found = completing(glacier, upload, archiveSize="9", checksum=tree_hash(b"short" + b"last"))
    assert found[:2] == INVALID
    assert "last part" in found[2]


def test_a_missing_range_makes_complete_fail(glacier: "GlacierClient") -> None:
    upload = begin(glacier)
    send(glacier, upload, MIB, b"last")
    assert completing(glacier, upload, archiveSize="4", checksum=tree_hash(b"last"))[:2] == INVALID


def test_a_refused_complete_leaves_the_upload_open(glacier: "GlacierClient") -> None:
    data, upload = some_bytes(MIB + 5), begin(glacier)
    send(glacier, upload, 0, data[:MIB])
    send(glacier, upload, MIB, data[MIB:])
    right = tree_hash(data)
    assert completing(glacier, upload, archiveSize="7", checksum=right)[:2] == INVALID
    assert completing(glacier, upload, archiveSize=str(len(data)))[:2] == INVALID
    assert len(complete(glacier, upload, data)) == 138


def test_an_empty_archive_is_refused(glacier: "GlacierClient") -> None:
    upload = begin(glacier)
    assert completing(glacier, upload, archiveSize="0", checksum=tree_hash(b""))[:2] == INVALID


def test_complete_again_soon_tells_the_same_archive(glacier: "GlacierClient", cloud: Any) -> None:
    upload = begin(glacier)
    send(glacier, upload, 0, b"data")
    first = complete(glacier, upload, b"data")
    let_pass(cloud, HOUR / 2)
    assert complete(glacier, upload, b"data") == first


def test_complete_again_late_is_not_found(glacier: "GlacierClient", cloud: Any) -> None:
    upload = begin(glacier)
    send(glacier, upload, 0, b"data")
    complete(glacier, upload, b"data")
    let_pass(cloud, HOUR + 60)
    found = completing(glacier, upload, archiveSize="4", checksum=tree_hash(b"data"))
    assert found == (*GONE, f"The upload ID was not found: {upload}")


def test_the_repeat_of_complete_can_be_switched_off(glacier: "GlacierClient", cloud: Any) -> None:
    upload = begin(glacier)
    send(glacier, upload, 0, b"data")
    complete(glacier, upload, b"data")
    cloud.faults.update({"forget_completes": True})
    assert completing(glacier, upload)[:2] == GONE


def test_a_completed_upload_is_neither_listed_nor_takes_parts_nor_aborts(
    glacier: "GlacierClient",
) -> None:
    upload = begin(glacier)
    send(glacier, upload, 0, b"data")
    complete(glacier, upload, b"data")
    assert glacier.list_multipart_uploads(vaultName=VAULT)["UploadsList"] == []
    named = {"vaultName": VAULT, "uploadId": upload}
    assert refusal(glacier.list_parts, **named)[:2] == GONE
    assert refusal(glacier.abort_multipart_upload, **named)[:2] == GONE
    part = {"range": "bytes 0-3/*", "body": b"data"}
    assert refusal(glacier.upload_multipart_part, **named, **part)[:2] == GONE


def test_an_aborted_upload_is_gone_and_abort_again_is_fine_for_a_while(
    glacier: "GlacierClient", cloud: Any
) -> None:
    upload = begin(glacier)
    send(glacier, upload, 0, b"data")
    named = {"vaultName": VAULT, "uploadId": upload}
    glacier.abort_multipart_upload(**named)
    glacier.abort_multipart_upload(**named)
    assert completing(glacier, upload)[:2] == GONE
    let_pass(cloud, HOUR + 60)
    assert refusal(glacier.abort_multipart_upload, **named)[:2] == GONE


def test_an_upload_without_activity_vanishes_after_a_day(
    glacier: "GlacierClient", cloud: Any
) -> None:
    upload = begin(glacier)
    let_pass(cloud, DAY / 2)
    send(glacier, upload, 0, b"data")
    let_pass(cloud, DAY / 2)
    assert len(glacier.list_multipart_uploads(vaultName=VAULT)["UploadsList"]) == 1
    let_pass(cloud, DAY / 2)
    assert glacier.list_multipart_uploads(vaultName=VAULT)["UploadsList"] == []
    found = completing(glacier, upload, archiveSize="4", checksum=tree_hash(b"data"))
    assert found[:2] == GONE


def test_an_upload_belongs_to_its_vault(glacier: "GlacierClient") -> None:
    glacier.create_vault(vaultName="other")
    found = refusal(glacier.list_parts, vaultName="other", uploadId=begin(glacier))
    assert found[:2] == GONE


def test_parts_are_listed_in_order_page_by_page(glacier: "GlacierClient") -> None:
    upload = begin(glacier)
    for number in (2, 0, 1):
        send(glacier, upload, number * MIB, b"x" * MIB)
    first = glacier.list_parts(vaultName=VAULT, uploadId=upload, limit="2")
    rest = glacier.list_parts(vaultName=VAULT, uploadId=upload, marker=first["Marker"])
    ranges = [part["RangeInBytes"] for part in first["Parts"] + rest["Parts"]]
    assert ranges == ["0-1048575", "1048576-2097151", "2097152-3145727"]
    assert rest.get("Marker") is None


def test_open_uploads_are_listed_page_by_page(glacier: "GlacierClient") -> None:
    begun = {begin(glacier, description=f"gas1 j {number}") for number in range(3)}
    first = glacier.list_multipart_uploads(vaultName=VAULT, limit="2")
    rest = glacier.list_multipart_uploads(vaultName=VAULT, marker=first["Marker"])
    listed = first["UploadsList"] + rest["UploadsList"]
    assert {upload["MultipartUploadId"] for upload in listed} == begun
    assert {upload["PartSizeInBytes"] for upload in listed} == {MIB}


@pytest.mark.parametrize("limit", ["0", "51", "many"])
def test_a_page_has_from_1_to_50_entries(glacier: "GlacierClient", limit: str) -> None:
    found = refusal(glacier.list_multipart_uploads, vaultName=VAULT, limit=limit)
    assert found[:2] == INVALID


def test_many_who_complete_at_once_are_told_of_one_archive(
    glacier: "GlacierClient", cloud: Any
) -> None:
    data, upload = some_bytes(4 * MIB), begin(glacier)
    with ThreadPoolExecutor(8) as pool:
        starts = range(0, len(data), MIB)
        list(pool.map(lambda at: send(glacier, upload, at, data[at : at + MIB]), starts))
        told = set(pool.map(lambda _: complete(glacier, upload, data), range(16)))
    assert len(told) == 1
    let_pass(cloud, DAY)
    assert glacier.describe_vault(vaultName=VAULT)["NumberOfArchives"] == 1

"""What GAS relies on in DynamoDB: conditions, transactions, indexes, tokens."""

import random
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from deploy.local.run import LocalCloud

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

JOBS, EVENTS, PLANS = "gas-jobs", "gas-job-events", "gas-plans"


def put(dynamodb: "DynamoDBClient", job_id: str, **attributes: Any) -> None:
    dynamodb.put_item(TableName=JOBS, Item={"job_id": {"S": job_id}, **attributes})


def get(dynamodb: "DynamoDBClient", job_id: str) -> dict[str, Any]:
    found = dynamodb.get_item(TableName=JOBS, Key={"job_id": {"S": job_id}}, ConsistentRead=True)
    return dict(found.get("Item", {}))


def set_state(job_id: str, new: str, *, old: str) -> dict[str, Any]:
    return {
        "TableName": JOBS,
        "Key": {"job_id": {"S": job_id}},
        "UpdateExpression": "SET #s = :new",
        "ConditionExpression": "#s = :old",
        "ExpressionAttributeNames": {"#s": "state"},
        "ExpressionAttributeValues": {":new": {"S": new}, ":old": {"S": old}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def refusal(caught: pytest.ExceptionInfo[ClientError]) -> tuple[str, dict[str, Any]]:
    response: Any = caught.value.response
    return response["Error"]["Code"], response


def test_an_item_comes_back_as_it_was_put(dynamodb: "DynamoDBClient") -> None:
    item: dict[str, Any] = {
        "job_id": {"S": "j"},
        "text": {"S": "Größe"},
        "number": {"N": "12.5"},
        "bytes": {"B": b"\x00\xff"},
        "yes": {"BOOL": True},
        "nothing": {"NULL": True},
        "list": {"L": [{"S": "a"}, {"B": b"\x01"}, {"M": {"deep": {"N": "1"}}}]},
        "map": {"M": {"b": {"B": b"\x02"}}},
        "words": {"SS": ["a", "b"]},
    }
    dynamodb.put_item(TableName=JOBS, Item=item)
    assert get(dynamodb, "j") == item


def test_a_failed_condition_changes_nothing_and_shows_the_item(dynamodb: "DynamoDBClient") -> None:
    put(dynamodb, "j", state={"S": "PENDING"}, holder={"S": "mine"})
    with pytest.raises(ClientError) as caught:
        dynamodb.update_item(**set_state("j", "RUNNING", old="COMPLETED"))
    code, response = refusal(caught)
    assert code == "ConditionalCheckFailedException"
    assert response["Item"]["holder"] == {"S": "mine"}
    assert get(dynamodb, "j")["state"] == {"S": "PENDING"}


def test_put_and_delete_show_the_item_too(dynamodb: "DynamoDBClient") -> None:
    put(dynamodb, "j", holder={"S": "mine"})
    with pytest.raises(ClientError) as put_again:
        dynamodb.put_item(
            TableName=JOBS,
            Item={"job_id": {"S": "j"}},
            ConditionExpression="attribute_not_exists(job_id)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    with pytest.raises(ClientError) as delete:
        dynamodb.delete_item(
            TableName=JOBS,
            Key={"job_id": {"S": "j"}},
            ConditionExpression="holder = :t",
            ExpressionAttributeValues={":t": {"S": "theirs"}},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    for caught in (put_again, delete):
        assert refusal(caught)[1]["Item"]["holder"] == {"S": "mine"}


def test_an_update_that_fails_half_way_leaves_no_trace(dynamodb: "DynamoDBClient") -> None:
    put(dynamodb, "j", word={"S": "w"}, n={"N": "1"})
    with pytest.raises(ClientError) as caught:
        dynamodb.update_item(
            TableName=JOBS,
            Key={"job_id": {"S": "j"}},
            UpdateExpression="SET n = :two, big = :big",
            ExpressionAttributeValues={":two": {"N": "2"}, ":big": {"S": "x" * 410_000}},
        )
    assert refusal(caught)[0] == "ValidationException"
    assert get(dynamodb, "j")["n"] == {"N": "1"}


def test_a_refused_update_makes_no_item(dynamodb: "DynamoDBClient") -> None:
    with pytest.raises(ClientError):
        dynamodb.update_item(
            TableName=JOBS,
            Key={"job_id": {"S": "new"}},
            UpdateExpression="SET a = missing + :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
    assert get(dynamodb, "new") == {}


def test_a_transaction_is_all_or_nothing_and_names_its_reasons(dynamodb: "DynamoDBClient") -> None:
    put(dynamodb, "a", state={"S": "PENDING"})
    put(dynamodb, "b", state={"S": "DELETED"})
    event = {"job_id": {"S": "a"}, "at": {"S": "1#1"}}
    with pytest.raises(ClientError) as caught:
        dynamodb.transact_write_items(
            TransactItems=[
                {"Update": set_state("a", "RUNNING", old="PENDING")},  # type: ignore[typeddict-item]
                {"Update": set_state("b", "RUNNING", old="PENDING")},  # type: ignore[typeddict-item]
                {"Put": {"TableName": EVENTS, "Item": event}},
            ]
        )
    code, response = refusal(caught)
    assert code == "TransactionCanceledException"
    reasons = response["CancellationReasons"]
    assert [each["Code"] for each in reasons] == ["None", "ConditionalCheckFailed", "None"]
    assert reasons[1]["Item"]["state"] == {"S": "DELETED"}
    assert get(dynamodb, "a")["state"] == {"S": "PENDING"}
    assert dynamodb.scan(TableName=EVENTS)["Count"] == 0


def test_a_transaction_writes_every_table(dynamodb: "DynamoDBClient") -> None:
    put(dynamodb, "a", state={"S": "PENDING"})
    put(dynamodb, "gone")
    dynamodb.transact_write_items(
        TransactItems=[
            {"Update": set_state("a", "RUNNING", old="PENDING")},  # type: ignore[typeddict-item]
            {"Delete": {"TableName": JOBS, "Key": {"job_id": {"S": "gone"}}}},
            {"Put": {"TableName": PLANS, "Item": {"user_id": {"S": "u"}}}},
            {
                "ConditionCheck": {
                    "TableName": JOBS,
                    "Key": {"job_id": {"S": "never"}},
                    "ConditionExpression": "attribute_not_exists(job_id)",
                }
            },
        ]
    )
    assert get(dynamodb, "a")["state"] == {"S": "RUNNING"}
    assert get(dynamodb, "gone") == {}
    assert dynamodb.scan(TableName=PLANS)["Count"] == 1


def test_an_undone_item_keeps_its_place_in_the_indexes(dynamodb: "DynamoDBClient") -> None:
    put(dynamodb, "a", state={"S": "PENDING"}, submitted_at={"N": "1"})
    put(dynamodb, "b", state={"S": "DELETED"}, submitted_at={"N": "2"})
    with pytest.raises(ClientError):
        dynamodb.transact_write_items(
            TransactItems=[
                {"Update": set_state("a", "RUNNING", old="PENDING")},  # type: ignore[typeddict-item]
                {"Update": set_state("b", "RUNNING", old="PENDING")},  # type: ignore[typeddict-item]
            ]
        )
    assert in_state(dynamodb, "PENDING") == ["a"]
    assert in_state(dynamodb, "RUNNING") == []


def in_state(dynamodb: "DynamoDBClient", state: str) -> list[str]:
    found = dynamodb.query(
        TableName=JOBS,
        IndexName="by_state",
        KeyConditionExpression="#s = :s",
        ExpressionAttributeNames={"#s": "state"},
        ExpressionAttributeValues={":s": {"S": state}},
    )
    return [item["job_id"]["S"] for item in found["Items"]]


def test_an_index_follows_every_change(dynamodb: "DynamoDBClient") -> None:
    put(dynamodb, "a", state={"S": "PENDING"}, submitted_at={"N": "1"})
    dynamodb.update_item(**set_state("a", "RUNNING", old="PENDING"))
    assert (in_state(dynamodb, "PENDING"), in_state(dynamodb, "RUNNING")) == ([], ["a"])
    put(dynamodb, "a", state={"S": "COMPLETED"}, submitted_at={"N": "1"})
    assert (in_state(dynamodb, "RUNNING"), in_state(dynamodb, "COMPLETED")) == ([], ["a"])
    dynamodb.delete_item(TableName=JOBS, Key={"job_id": {"S": "a"}})
    assert in_state(dynamodb, "COMPLETED") == []


def test_pages_of_an_index_meet_every_item_once_ties_included(dynamodb: "DynamoDBClient") -> None:
    for n in range(25):
        put(dynamodb, f"j{n:02}", user_id={"S": "u"}, submitted_at={"N": str(n // 10)})
        put(dynamodb, f"other{n}", user_id={"S": "v"}, submitted_at={"N": "0"})
    seen: list[str] = []
    cursor: dict[str, Any] = {}
    while True:
        page = dynamodb.query(
            TableName=JOBS,
            IndexName="by_user",
            KeyConditionExpression="user_id = :u",
            ExpressionAttributeValues={":u": {"S": "u"}},
            ScanIndexForward=False,
            Limit=4,
            **cursor,
        )
        seen += [item["job_id"]["S"] for item in page["Items"]]
        if "LastEvaluatedKey" not in page:
            break
        cursor = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert seen == [f"j{n:02}" for n in reversed(range(25))]


def test_pages_of_an_index_are_those_of_the_whole_in_order(dynamodb: "DynamoDBClient") -> None:
    seed = random.SystemRandom().randrange(10**6)
    dice = random.Random(seed)
    times = {f"j{number:02}": dice.randrange(8) for number in range(30)}
    for job_id, at in times.items():
        put(dynamodb, job_id, due_shard={"S": "0"}, due_at={"N": str(at)})
    for forward, limit in ((True, dice.randint(1, 6)), (False, dice.randint(1, 6)), (True, 30)):
        most = dice.randrange(8)
        pages = dynamodb.get_paginator("query").paginate(
            TableName=JOBS,
            IndexName="by_due",
            KeyConditionExpression="due_shard = :s AND due_at <= :most",
            ExpressionAttributeValues={":s": {"S": "0"}, ":most": {"N": str(most)}},
            ScanIndexForward=forward,
            PaginationConfig={"PageSize": limit},
        )
        seen = [(int(i["due_at"]["N"]), i["job_id"]["S"]) for page in pages for i in page["Items"]]
        wanted = sorted((at, job_id) for job_id, at in times.items() if at <= most)
        assert seen == (wanted if forward else wanted[::-1]), f"seed {seed}"


def test_a_range_of_an_index_is_in_order(dynamodb: "DynamoDBClient") -> None:
    for n in (30, 4, 100):
        put(dynamodb, f"j{n}", due_shard={"S": "0"}, due_at={"N": str(n)})
    found = dynamodb.query(
        TableName=JOBS,
        IndexName="by_due",
        KeyConditionExpression="due_shard = :s AND due_at <= :t",
        ExpressionAttributeValues={":s": {"S": "0"}, ":t": {"N": "30"}},
    )
    assert [item["job_id"]["S"] for item in found["Items"]] == ["j4", "j30"]


def test_a_sparse_index_holds_keys_of_the_marked_items_only(dynamodb: "DynamoDBClient") -> None:
    for user, more in (("a", {"pending": {"S": "1"}}), ("b", {})):
        item: Any = {"user_id": {"S": user}, "tier": {"S": "premium"}, **more}
        dynamodb.put_item(TableName=PLANS, Item=item)
    found = dynamodb.scan(TableName=PLANS, IndexName="by_pending")
    assert found["Items"] == [{"user_id": {"S": "a"}, "pending": {"S": "1"}}]
    dynamodb.update_item(
        TableName=PLANS, Key={"user_id": {"S": "a"}}, UpdateExpression="REMOVE pending"
    )
    assert dynamodb.scan(TableName=PLANS, IndexName="by_pending")["Count"] == 0


def test_events_of_one_job_are_in_order(dynamodb: "DynamoDBClient") -> None:
    for job, at in (("a", "2"), ("b", "1"), ("a", "1"), ("a", "3")):
        dynamodb.put_item(TableName=EVENTS, Item={"job_id": {"S": job}, "at": {"S": at}})
    found = dynamodb.query(
        TableName=EVENTS,
        KeyConditionExpression="job_id = :j AND #a > :at",
        ExpressionAttributeNames={"#a": "at"},
        ExpressionAttributeValues={":j": {"S": "a"}, ":at": {"S": "1"}},
    )
    assert [item["at"]["S"] for item in found["Items"]] == ["2", "3"]


def test_a_repeated_token_writes_once(dynamodb: "DynamoDBClient", cloud: LocalCloud) -> None:
    def write(amount: str) -> None:
        dynamodb.transact_write_items(
            ClientRequestToken="once",
            TransactItems=[
                {
                    "Update": {
                        "TableName": JOBS,
                        "Key": {"job_id": {"S": "j"}},
                        "UpdateExpression": "ADD n :n",
                        "ExpressionAttributeValues": {":n": {"N": amount}},
                    }
                }
            ],
        )

    write("1")
    write("1")
    assert get(dynamodb, "j")["n"] == {"N": "1"}
    with pytest.raises(ClientError) as caught:
        write("2")
    assert refusal(caught)[0] == "IdempotentParameterMismatchException"
    cloud.clock.advance(601)
    write("2")
    assert get(dynamodb, "j")["n"] == {"N": "3"}


def test_a_cancelled_transaction_leaves_its_token_free(dynamodb: "DynamoDBClient") -> None:
    def write() -> None:
        dynamodb.transact_write_items(
            ClientRequestToken="again",
            TransactItems=[{"Update": set_state("j", "RUNNING", old="PENDING")}],  # type: ignore[typeddict-item]
        )

    with pytest.raises(ClientError) as caught:
        write()
    assert refusal(caught)[0] == "TransactionCanceledException"
    put(dynamodb, "j", state={"S": "PENDING"})
    write()
    assert get(dynamodb, "j")["state"] == {"S": "RUNNING"}


@pytest.mark.parametrize(
    "request_",
    [
        {"Item": {"job_id": {"S": "j"}, "due_shard": {"S": "0"}, "due_at": {"S": "soon"}}},
        {
            "Item": {"job_id": {"S": "j"}},
            "ConditionExpression": "attribute_not_exists(job_id)",
            "ExpressionAttributeValues": {":unused": {"S": "x"}},
        },
    ],
    ids=["an index key of the wrong type", "a value that no expression uses"],
)
def test_what_aws_refuses_is_refused(dynamodb: "DynamoDBClient", request_: Any) -> None:
    with pytest.raises(ClientError) as caught:
        dynamodb.put_item(TableName=JOBS, **request_)
    assert refusal(caught)[0] == "ValidationException"
    assert get(dynamodb, "j") == {}


def test_one_item_twice_in_a_transaction_is_refused(dynamodb: "DynamoDBClient") -> None:
    put(dynamodb, "a", state={"S": "PENDING"})
    with pytest.raises(ClientError) as caught:
        dynamodb.transact_write_items(
            TransactItems=[
                {"Update": set_state("a", "RUNNING", old="PENDING")},  # type: ignore[typeddict-item]
                {"Delete": {"TableName": JOBS, "Key": {"job_id": {"S": "a"}}}},
            ]
        )
    assert refusal(caught)[0] == "ValidationException"
    assert get(dynamodb, "a")["state"] == {"S": "PENDING"}


def test_batches_read_and_write(dynamodb: "DynamoDBClient") -> None:
    requests: Any = [{"PutRequest": {"Item": {"job_id": {"S": f"j{n}"}}}} for n in range(5)]
    dynamodb.batch_write_item(RequestItems={JOBS: requests})
    keys: Any = [{"job_id": {"S": f"j{n}"}} for n in range(7)]
    found = dynamodb.batch_get_item(RequestItems={JOBS: {"Keys": keys}})
    assert len(found["Responses"][JOBS]) == 5


def test_what_would_not_last_is_refused(dynamodb: "DynamoDBClient") -> None:
    with pytest.raises(ClientError) as caught:
        dynamodb.execute_statement(Statement=f"DELETE FROM \"{JOBS}\" WHERE job_id = 'a'")
    assert refusal(caught)[0] == "UnknownOperationException"

"""A canary: many writers at once, and arithmetic that comes out only if every write was exact."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

TABLE = "canary"
THREADS = 16


def client_of(url: str) -> "DynamoDBClient":
    """Return a client that repeats nothing: a repeat after an unseen success counts twice."""
    made: DynamoDBClient = boto3.client(
        "dynamodb",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local-secret",
        config=Config(
            retries={"total_max_attempts": 1},
            max_pool_connections=THREADS,
            parameter_validation=False,
        ),
    )
    return made


def find_trouble(url: str, *, rounds: int, few: int) -> list[str]:
    """Run all four races against a DynamoDB; return what came out wrong, nothing if it is exact.

    Each of 16 threads adds `rounds` times, and swaps, puts and moves pairs `few` times.
    """
    dynamodb = client_of(url)
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    try:
        return [
            *_increments(dynamodb, rounds),
            *_swaps(dynamodb, few),
            *_first_puts(dynamodb, few),
            *_pairs(dynamodb, few),
        ]
    finally:
        dynamodb.delete_table(TableName=TABLE)


def _race(work: Callable[[int], int]) -> tuple[int, list[str]]:
    """Run `work` on all threads from one start; return the sum of its results, and failures."""
    gate = threading.Barrier(THREADS)

    def run(number: int) -> int:
        gate.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        running = [pool.submit(run, number) for number in range(THREADS)]
    failed = [repr(each.exception()) for each in running if each.exception()]
    return sum(each.result() for each in running if not each.exception()), failed


def _refused(write: Callable[[], object]) -> bool:
    try:
        write()
    except ClientError as error:
        if error.response["Error"]["Code"] not in (
            "ConditionalCheckFailedException",
            "TransactionCanceledException",
        ):
            raise
        return True
    return False


def _number(dynamodb: "DynamoDBClient", key: str) -> int:
    found = dynamodb.get_item(TableName=TABLE, Key={"k": {"S": key}}, ConsistentRead=True)
    return int(found.get("Item", {}).get("n", {}).get("N", "0"))


def _increments(dynamodb: "DynamoDBClient", rounds: int) -> list[str]:
    def work(_: int) -> int:
        for _ in range(rounds):
            dynamodb.update_item(
                TableName=TABLE,
                Key={"k": {"S": "sum"}},
                UpdateExpression="ADD n :one",
                ExpressionAttributeValues={":one": {"N": "1"}},
            )
        return rounds

    added, failed = _race(work)
    found = _number(dynamodb, "sum")
    return failed + ([f"{added} increments gave {found}"] if found != added else [])


def _swaps(dynamodb: "DynamoDBClient", rounds: int) -> list[str]:
    winners: Counter[int] = Counter()

    def work(_: int) -> int:
        won = 0
        for _ in range(rounds):
            seen = _number(dynamodb, "swap")
            if not _refused(lambda seen=seen: _swap(dynamodb, seen)):  # type: ignore[misc]
                winners[seen] += 1
                won += 1
        return won

    dynamodb.put_item(TableName=TABLE, Item={"k": {"S": "swap"}, "n": {"N": "0"}})
    won, failed = _race(work)
    double = [f"{n} winners from version {seen}" for seen, n in winners.items() if n > 1]
    found = _number(dynamodb, "swap")
    return failed + double + ([f"{won} swaps gave version {found}"] if found != won else [])


def _swap(dynamodb: "DynamoDBClient", seen: int) -> object:
    return dynamodb.update_item(
        TableName=TABLE,
        Key={"k": {"S": "swap"}},
        UpdateExpression="SET n = :next",
        ConditionExpression="n = :seen",
        ExpressionAttributeValues={":seen": {"N": str(seen)}, ":next": {"N": str(seen + 1)}},
    )


def _first_puts(dynamodb: "DynamoDBClient", rounds: int) -> list[str]:
    together = threading.Barrier(THREADS)
    winners: Counter[int] = Counter()

    def work(number: int) -> int:
        won = 0
        for turn in range(rounds):
            together.wait(60)
            if not _refused(lambda turn=turn: _put_first(dynamodb, turn, number)):  # type: ignore[misc]
                winners[turn] += 1
                won += 1
        return won

    won, failed = _race(work)
    return failed + ([f"{won} first puts of {rounds} keys"] if won != rounds else [])


def _put_first(dynamodb: "DynamoDBClient", turn: int, number: int) -> object:
    return dynamodb.put_item(
        TableName=TABLE,
        Item={"k": {"S": f"first-{turn}"}, "by": {"N": str(number)}},
        ConditionExpression="attribute_not_exists(k)",
    )


def _pairs(dynamodb: "DynamoDBClient", rounds: int) -> list[str]:
    def work(_: int) -> int:
        won = 0
        for _ in range(rounds):
            seen = _number(dynamodb, "left")
            won += not _refused(lambda seen=seen: _move_pair(dynamodb, seen))  # type: ignore[misc]
        return won

    for side in ("left", "right"):
        dynamodb.put_item(TableName=TABLE, Item={"k": {"S": side}, "n": {"N": "0"}})
    won, failed = _race(work)
    left, right = _number(dynamodb, "left"), _number(dynamodb, "right")
    torn = left != won or right != won
    return failed + ([f"{won} transactions gave {left} and {right}"] if torn else [])


def _move_pair(dynamodb: "DynamoDBClient", seen: int) -> object:
    items: list[TransactWriteItemTypeDef] = [
        {
            "Update": {
                "TableName": TABLE,
                "Key": {"k": {"S": side}},
                "UpdateExpression": "SET n = :next",
                "ConditionExpression": "n = :seen",
                "ExpressionAttributeValues": {
                    ":seen": {"N": str(seen)},
                    ":next": {"N": str(seen + 1)},
                },
            }
        }
        for side in ("left", "right")
    ]
    return dynamodb.transact_write_items(TransactItems=items)

"""DynamoDB: moto's expressions and checks, made exact, fast and durable.

Everything here runs under the door's one lock. A write reaches memory, indexes and disk together
before its reply, or leaves no trace.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends
from moto.dynamodb.models.dynamo_type import Item

from deploy.local import ACCOUNT, REGION, dynamodb_replies
from deploy.local.clock import Clock
from deploy.local.disk import Disk
from deploy.local.dynamodb_table import LocalTable, as_attributes
from deploy.local.reply import Reply, as_error, as_json

_PREFIX = "com.amazonaws.dynamodb.v20120810#"
_TOKEN_SECONDS = 600
"""How long a ClientRequestToken is remembered (DynamoDB API reference, TransactWriteItems)."""

_OPERATIONS = frozenset(
    {
        "BatchGetItem",
        "BatchWriteItem",
        "CreateTable",
        "DeleteItem",
        "DeleteTable",
        "DescribeContinuousBackups",
        "DescribeTable",
        "DescribeTimeToLive",
        "GetItem",
        "ListTables",
        "ListTagsOfResource",
        "PutItem",
        "Query",
        "Scan",
        "TagResource",
        "TransactGetItems",
        "TransactWriteItems",
        "UntagResource",
        "UpdateContinuousBackups",
        "UpdateItem",
        "UpdateTable",
        "UpdateTimeToLive",
    }
)
"""Whatever writes items by another road would be neither exact nor durable."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS dynamodb_item (
    tbl TEXT, key TEXT, attributes TEXT, PRIMARY KEY (tbl, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dynamodb_token (
    token TEXT PRIMARY KEY, digest TEXT, until REAL
) WITHOUT ROWID;
"""


class Dynamo(DynamoDBBackend):
    """All tables. A table's items are read from disk when the table is made, at each start."""

    def __init__(self, *, disk: Disk, clock: Clock) -> None:
        super().__init__(REGION, ACCOUNT)
        self._disk = disk
        self._clock = clock
        self._touched: dict[tuple[str, str], dict[str, Any] | None] | None = None
        self._token: tuple[str, str] | None = None
        disk.script(_SCHEMA)

    @property
    def _url_module(self) -> Any:
        """moto derives a service's URLs from the backend's module, which here is not moto's."""
        return DynamoDBBackend(REGION, ACCOUNT)._url_module

    def install(self) -> None:
        """Become the backend that moto's request handlers use."""
        dynamodb_backends[ACCOUNT][REGION] = self
        dynamodb_replies.install()

    def forget(self) -> None:
        """Drop every item; the tables stay."""
        with self._disk.transaction():
            self._disk.run("DELETE FROM dynamodb_item")
            self._disk.run("DELETE FROM dynamodb_token")
        for table in self.tables.values():
            _ours(table).forget()

    # --- before moto --------------------------------------------------------------------------

    def preempt(self, operation: str, request: dict[str, Any]) -> Reply | None:
        """Answer what moto would get wrong; None lets moto answer."""
        if operation not in _OPERATIONS:
            return as_error(
                f"{_PREFIX}UnknownOperationException", f"the local cloud has no {operation}"
            )
        unused = _unused_values(request)
        if unused:
            return as_error(
                "com.amazon.coral.validate#ValidationException",
                "Value provided in ExpressionAttributeValues unused in expressions: keys: {"
                + ", ".join(sorted(unused))
                + "}",
            )
        self._token = None
        token = request.pop("ClientRequestToken", None)
        return self._repeat(token, request) if operation == "TransactWriteItems" and token else None

    def _repeat(self, token: str, request: dict[str, Any]) -> Reply | None:
        digest = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
        known = self._disk.rows(
            "SELECT digest FROM dynamodb_token WHERE token = ? AND until > ?",
            (token, self._clock.now()),
        )
        if not known:
            self._token = (token, digest)
            return None
        if known[0][0] == digest:
            return as_json({}, content_type="application/x-amz-json-1.0")
        return as_error(
            f"{_PREFIX}IdempotentParameterMismatchException",
            "The ClientRequestToken was used before with other parameters",
        )

    # --- writes -------------------------------------------------------------------------------

    def put_item(
        self, table_name: str, item_attrs: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Item:
        """Put an item as moto does, exactly and durably."""
        with self._atomic():
            table = self._note(table_name, item_attrs)
            item = super().put_item(table_name, item_attrs, *args, **kwargs)
            table.check_index_keys(item)
        return item

    def update_item(
        self, table_name: str, key: dict[str, dict[str, Any]], *args: Any, **kwargs: Any
    ) -> Item:
        """Update an item as moto does, exactly and durably."""
        with self._atomic():
            table = self._note(table_name, key)
            item = super().update_item(table_name, key, *args, **kwargs)
            table.check_index_keys(item)
        return item

    def delete_item(
        self, table_name: str, key: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Item | None:
        """Delete an item as moto does, exactly and durably."""
        with self._atomic():
            self._note(table_name, key)
            return super().delete_item(table_name, key, *args, **kwargs)

    def transact_write_items(self, transact_items: list[dict[str, Any]]) -> None:
        """Write all items or none, as moto decides."""
        with self._atomic():
            super().transact_write_items(transact_items)

    @contextmanager
    def _atomic(self) -> Iterator[None]:
        if self._touched is not None:
            yield  # inside a transaction, which saves or undoes for all
            return
        self._touched = {}
        try:
            yield
            self._save()
        except BaseException:
            self._undo()
            raise
        finally:
            self._touched = None

    def _note(self, table_name: str, attributes: dict[str, Any]) -> LocalTable:
        table = _ours(self.get_table(table_name))
        key = table.key_of(attributes)
        if key is not None and self._touched is not None:
            item = table.find(key)
            before = None if item is None else as_attributes(item)
            self._touched.setdefault((table.name, key), before)
        return table

    def _save(self) -> None:
        with self._disk.transaction():
            for table_name, key in self._touched or ():
                self._write_row(table_name, key)
            if self._token:
                self._write_token(*self._token)
        for table_name, key in self._touched or ():
            _ours(self.tables[table_name]).file(key)

    def _undo(self) -> None:
        for (table_name, key), before in (self._touched or {}).items():
            table = _ours(self.tables[table_name])
            if before is None:
                table.remove(key)
            else:
                table.place(key, before)

    def _write_row(self, table_name: str, key: str) -> None:
        item = _ours(self.tables[table_name]).find(key)
        if item is None:
            self._disk.run("DELETE FROM dynamodb_item WHERE tbl = ? AND key = ?", (table_name, key))
        else:
            self._disk.run(
                "REPLACE INTO dynamodb_item VALUES (?, ?, ?)",
                (table_name, key, json.dumps(as_attributes(item))),
            )

    def _write_token(self, token: str, digest: str) -> None:
        now = self._clock.now()
        self._disk.run("DELETE FROM dynamodb_token WHERE until <= ?", (now,))
        self._disk.run(
            "REPLACE INTO dynamodb_token VALUES (?, ?, ?)", (token, digest, now + _TOKEN_SECONDS)
        )

    # --- reads and tables ---------------------------------------------------------------------

    def query(
        self, table_name: str, hash_key_dict: dict[str, Any] | None, *args: Any, **kwargs: Any
    ) -> tuple[list[Item], int, dict[str, Any] | None]:
        """Query as moto does, looking only at items that can be on the page asked for."""
        table = _ours(self.get_table(table_name))
        index = kwargs.get("index_name")
        conditions = kwargs.get("hash_key_conditions")
        value = conditions[0][1] if index and conditions else hash_key_dict
        if value is None or (index and index not in _index_names(table)):
            return super().query(table_name, hash_key_dict, *args, **kwargs)
        found = _of_index(table, index, value, args) if index else table.with_hash(value)
        with table.narrowed(found):
            return super().query(table_name, hash_key_dict, *args, **kwargs)

    def create_table(self, name: str, **kwargs: Any) -> LocalTable:  # type: ignore[override]
        """Make a table and read its items from disk."""
        super().create_table(name, **kwargs)
        # moto's methods for CloudFormation are abstract in name only.
        table = LocalTable(  # type: ignore[abstract]
            name, account_id=ACCOUNT, region=REGION, **kwargs
        )
        self.tables[name] = table
        for key, attributes in self._disk.rows(
            "SELECT key, attributes FROM dynamodb_item WHERE tbl = ?", (name,)
        ):
            table.place(key, json.loads(attributes))
        return table

    def update_table(self, name: str, **kwargs: Any) -> LocalTable:  # type: ignore[override]
        """Change a table as moto does, and file its items under the new indexes."""
        table = _ours(super().update_table(name, **kwargs))
        table.file_all()
        return table

    def delete_table(self, name: str) -> LocalTable:
        """Delete a table and its items."""
        table = _ours(super().delete_table(name))
        self._disk.run("DELETE FROM dynamodb_item WHERE tbl = ?", (table.name,))
        return table


def _ours(table: Any) -> LocalTable:
    if not isinstance(table, LocalTable):
        raise TypeError(f"the table {table.name} was made behind the local cloud's back")
    return table


def _index_names(table: LocalTable) -> set[str]:
    return {index.name for index in table.all_indexes()}


def _of_index(table: LocalTable, index: str, value: dict[str, Any], args: Any) -> list[Item]:
    """Return the items of an index that a query can bring, given moto's arguments after the key."""
    comparison, _, limit, start, forward, *_ = args
    # A condition may pick from anywhere, but "up to" from the first on.
    from_the_end = comparison is None or (comparison == "<=" and forward)
    if limit and from_the_end and len(table.get_index(index).schema_key_attrs) == 2:
        return table.page_of_index(index, value, start=start, limit=limit, forward=forward)
    return table.in_index(index, value)


def _unused_values(request: dict[str, Any]) -> set[str]:
    """Return the value placeholders that no expression of their own call uses."""
    inner = [call for each in request.get("TransactItems") or () for call in each.values()]
    return {name for call in [request, *inner] for name in _unused_in(call)}


def _unused_in(call: dict[str, Any]) -> Iterator[str]:
    text = " ".join(str(value) for name, value in call.items() if name.endswith("Expression"))
    for name in call.get("ExpressionAttributeValues") or {}:
        if not re.search(rf"{re.escape(name)}\b", text):
            yield name

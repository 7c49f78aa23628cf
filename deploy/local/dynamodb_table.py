"""One DynamoDB table: moto's, with indexes that are looked up and not searched."""

import base64
import json
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table


class Filed:
    """The items that have one hash value in an index, also in the order of its range key."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self._order: list[tuple[Any, str]] = []

    def add(self, key: str, item: Item, at: Any) -> None:
        """File an item at its range value; it is None in an index without a range key."""
        self.items[key] = item
        insort(self._order, (at, key))

    def drop(self, key: str, at: Any) -> None:
        """Take an item out."""
        del self.items[key]
        del self._order[bisect_left(self._order, (at, key))]

    def page(self, *, start: Any, limit: int, forward: bool) -> list[Item]:
        """Return the items at the range value `start` (None: the end), and `limit` + 1 after them.

        Those that share a range value are all there or not at all: moto orders them.
        """
        order = self._order
        if forward:
            first, base = self._run(start) if start is not None else (0, 0)
            last = self._run(order[base + limit][0])[1] if base + limit < len(order) else None
        else:
            base, last = self._run(start) if start is not None else (len(order), None)
            first = self._run(order[base - limit - 1][0])[0] if base > limit else 0
        return [self.items[key] for _, key in order[first:last]]

    def _run(self, at: Any) -> tuple[int, int]:
        """Return where the items of one range value begin and end."""
        order = self._order
        return bisect_left(order, at, key=_range_of), bisect_right(order, at, key=_range_of)


def _range_of(entry: tuple[Any, str]) -> Any:
    return entry[0]


class LocalTable(Table):
    """A table that knows, for each index, which items have which hash value."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._by_hash: dict[tuple[str, tuple[str, Any]], Filed] = {}
        self._filed: dict[str, list[tuple[Filed, Any]]] = {}
        self._narrowed: list[Item] | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> "LocalTable":
        # moto copies whole tables to undo a transaction; the backend undoes item by item instead.
        return self

    def key_of(self, attributes: dict[str, Any]) -> str | None:
        """Return an item's key as text, or None when a key attribute is missing."""
        if not all(name in attributes for name in self.table_key_attrs):
            return None
        return json.dumps([_canonical(attributes[name]) for name in self.table_key_attrs])

    def find(self, key: str) -> Item | None:
        """Return the item with this key."""
        hash_key, range_key = _split(key)
        found: Any = self.items.get(hash_key)
        if range_key is not None and found is not None:
            found = found.get(range_key)
        return found if isinstance(found, Item) else None

    def place(self, key: str, attributes: dict[str, Any]) -> None:
        """Put an item in the form of `as_attributes`, unchecked as it was valid, and file it."""
        hash_key, range_key = _split(key)
        restored = {name: _restored(value) for name, value in attributes.items()}
        item: Any = Item(hash_key, range_key, restored)
        if range_key is None:
            self.items[hash_key] = item
        else:
            self.items[hash_key][range_key] = item
        self.file(key)

    def remove(self, key: str) -> None:
        """Take an item out, if it is there, and unfile it."""
        hash_key, range_key = _split(key)
        if range_key is None:
            self.items.pop(hash_key, None)
        elif hash_key in self.items:
            self.items[hash_key].pop(range_key, None)
        self.file(key)

    def file(self, key: str) -> None:
        """Bring the indexes up to date with one item, which may have come, changed or gone."""
        for filed, at in self._filed.pop(key, ()):
            filed.drop(key, at)
        item = self.find(key)
        if item is None:
            return
        for index in self.all_indexes():
            keys = index.schema_key_attrs
            if all(name in item.attrs for name in keys):
                where = index.name, _scalar(item.attrs[keys[0]])
                at = _scalar(item.attrs[keys[1]])[1] if len(keys) > 1 else None
                filed = self._by_hash.setdefault(where, Filed())
                filed.add(key, item, at)
                self._filed.setdefault(key, []).append((filed, at))

    def file_all(self) -> None:
        """File every item anew: the indexes themselves have changed."""
        self._by_hash.clear()
        self._filed.clear()
        for item in self.all_items():
            key = self.key_of(as_attributes(item))
            if key is not None:
                self.file(key)

    def forget(self) -> None:
        """Drop every item."""
        self.items.clear()
        self._by_hash.clear()
        self._filed.clear()

    @contextmanager
    def narrowed(self, found: list[Item]) -> Iterator[None]:
        """Let a query inside see only these items, in which all that it asks for must be."""
        self._narrowed = found
        try:
            yield
        finally:
            self._narrowed = None

    def with_hash(self, hash_value: dict[str, Any]) -> list[Item]:
        """Return the items that have this hash value."""
        found: Any = self.items.get(DynamoType(hash_value), {})
        return list(found.values()) if isinstance(found, dict) else [found]

    def in_index(self, name: str, hash_value: dict[str, Any]) -> list[Item]:
        """Return the items that have this hash value in an index."""
        filed = self._by_hash.get((name, _scalar(DynamoType(hash_value))))
        return list(filed.items.values()) if filed else []

    def page_of_index(
        self,
        name: str,
        hash_value: dict[str, Any],
        *,
        start: dict[str, Any] | None,
        limit: int,
        forward: bool,
    ) -> list[Item]:
        """Return those of them that can be on the page after the key `start`, and some more."""
        filed = self._by_hash.get((name, _scalar(DynamoType(hash_value))))
        if filed is None:
            return []
        at = start.get(self.get_index(name).schema_key_attrs[-1]) if start else None
        if start and at is None:
            return self.in_index(name, hash_value)
        after = _scalar(DynamoType(at))[1] if at else None
        return filed.page(start=after, limit=limit, forward=forward)

    def all_items(self) -> list[Item]:
        """Return the items that the present call has to look at."""
        return super().all_items() if self._narrowed is None else self._narrowed

    def check_index_keys(self, item: Item) -> None:
        """Raise ValidationException for an index key of the wrong type, as AWS does."""
        declared = {entry["AttributeName"]: entry["AttributeType"] for entry in self.attr}
        for index in self.all_indexes():
            for name in index.schema_key_attrs:
                value = item.attrs.get(name)
                if value is not None and value.type != declared[name]:
                    raise MockValidationException(
                        "One or more parameter values were invalid: Type mismatch for Index Key "
                        f"{name} Expected: {declared[name]} Actual: {value.type} "
                        f"IndexName: {index.name}"
                    )


def as_attributes(item: Item) -> dict[str, Any]:
    """Return an item in DynamoDB's JSON, fit for `json.dumps`."""
    return {name: _plain(value) for name, value in item.attrs.items()}


def _plain(value: DynamoType) -> dict[str, Any]:
    content = value.value
    if value.is_list():
        content = [_plain(each) for each in content]
    elif value.is_map():
        content = {name: _plain(each) for name, each in content.items()}
    elif value.type == "B":
        content = base64.b64encode(content).decode()
    elif value.type == "BS":
        content = [base64.b64encode(each).decode() for each in content]
    return {value.type: content}


def _restored(value: dict[str, Any]) -> dict[str, Any]:
    """Turn what `_plain` wrote into what moto reads: bytes where there is base64."""
    kind, content = next(iter(value.items()))
    if kind == "L":
        content = [_restored(each) for each in content]
    elif kind == "M":
        content = {name: _restored(each) for name, each in content.items()}
    elif kind == "B":
        content = base64.b64decode(content)
    elif kind == "BS":
        content = [base64.b64decode(each) for each in content]
    return {kind: content}


def _canonical(value: dict[str, Any]) -> dict[str, str]:
    """Give a key one spelling: 1, 1.0 and 01 are one number; bytes are base64."""
    kind, content = next(iter(value.items()))
    if kind == "N":
        content = f"{Decimal(content).normalize():f}"
    elif kind == "B":
        content = base64.b64encode(content).decode()
    return {kind: content}


def _scalar(value: DynamoType) -> tuple[str, Any]:
    return value.type, value.cast_value


def _split(key: str) -> tuple[DynamoType, DynamoType | None]:
    parts = [DynamoType(_restored(part)) for part in json.loads(key)]
    return parts[0], parts[1] if len(parts) > 1 else None

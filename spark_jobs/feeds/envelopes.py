"""Object -> where in it the record is (feeds.md section 1), or why there is none."""

from collections.abc import Mapping
from typing import Any

from spark_jobs.feeds.refusals import Refusal

Record = dict[str, Any]
Path = tuple[str, ...]

BARE: Path = ()
ENVELOPED: Path = ("data",)
CHANGED: Path = ("after",)
"""a change event, as Debezium writes it"""
MARKS: Mapping[Path, frozenset[Path]] = {
    BARE: frozenset(),
    ENVELOPED: frozenset({("type",), ("metadata", "operation")}),
    CHANGED: frozenset({("op",)}),
}
"""where the record is -> what around it may say that it is a deletion"""
CONNECT: Path = ("payload",)
"""the JSON converter of Kafka Connect, where it is told to send the schema along"""

UPDATE, SNAPSHOT = "update", "snapshot"
_CHANGES = {"u": UPDATE, "r": SNAPSHOT}

TYPE_NAMES = frozenset({"string", "int", "long", "float", "double", "boolean"})
_BYTE_ORDER_MARK = "\ufeff"


def path_to_record(message: Record) -> Path | Refusal:
    """The keys that lead from the message to its record."""
    if is_connect(message):
        return _in_payload(message["payload"])
    return _path(message)


def is_connect(message: Record) -> bool:
    return len(message) == 2 and "schema" in message and "payload" in message


def _in_payload(payload: Any) -> Path | Refusal:
    if payload is None:
        return Refusal.THE_MESSAGE_IS_EMPTY
    if type(payload) is not dict:
        return Refusal.THE_DATA_IS_NOT_AN_OBJECT
    path = _path(payload)
    return path if isinstance(path, Refusal) else CONNECT + path


def _path(message: Record) -> Path | Refusal:
    if "data" in message:
        if _is_marked_as_deleted(message):
            return Refusal.THE_RECORD_IS_A_DELETION
        return ENVELOPED if type(message["data"]) is dict else Refusal.THE_DATA_IS_NOT_AN_OBJECT
    if "op" in message and ("after" in message or "before" in message):
        return _after(message)
    return BARE


def _is_marked_as_deleted(envelope: Record) -> bool:
    """As Maxwell and AWS DMS mark the row that was deleted, which they send as `data`."""
    metadata = envelope.get("metadata")
    operation = metadata.get("operation") if type(metadata) is dict else None
    return "delete" in (single_value(envelope.get("type")), single_value(operation))


def _after(change: Record) -> Path | Refusal:
    after = change.get("after")
    if after is None or single_value(change["op"]) == "d":
        return Refusal.THE_RECORD_IS_A_DELETION
    return CHANGED if type(after) is dict else Refusal.THE_DATA_IS_NOT_AN_OBJECT


def at(message: Record, path: Path) -> Record:
    for key in path:
        message = message[key]
    return message


def change_of(message: Record, path: Path) -> str | None:
    """Whether a change event updates a record or copies it: as Debezium tells it, also without its envelope."""
    told = at(message, path[:-1])["op"] if path[-1:] == CHANGED else at(message, path).get("__op")
    operation = single_value(told)
    return _CHANGES.get(operation) if isinstance(operation, str) else None


def is_deletion(record: Record) -> bool:
    """As Debezium marks the row that was deleted, where it is told to send it on without its envelope."""
    deleted = single_value(record["__deleted"]) if "__deleted" in record else None
    return deleted is True or deleted == "true" or ("__op" in record and single_value(record["__op"]) == "d")


def single_value(value: Any) -> Any:
    """The value inside of Avro's form of an optional one: `{"string": "x"}` is "x"."""
    if type(value) is dict and len(value) == 1:
        ((kind, inside),) = value.items()
        return inside if kind in TYPE_NAMES else value
    return value


def without_byte_order_mark(record: Record) -> Record:
    """A CSV reader may leave one before the first name."""
    first = next(iter(record), "")
    if not first.startswith(_BYTE_ORDER_MARK):
        return record
    names = iter(record.items())
    _, value = next(names)
    return {first[1:]: value, **dict(names)}

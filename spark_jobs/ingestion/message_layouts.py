"""Which layouts messages have: the names of their fields, looked up in samples.

The share of a layout is all that is asked, so a hundred messages of an Arrow batch tell enough, and cost a message
less than a hundredth of its parsing.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
import pyarrow as pa

from spark_jobs.feeds.envelopes import Record, is_connect, single_value
from spark_jobs.ingestion.quality import Key, Measure, Quality

_SAMPLES = 100
"""at least so many, or all; so that one stray message counts as 1 % of its batch at the most"""
_MOST_LAYOUTS = 20
"""a producer that leaves out empty fields has thousands"""
_EXAMPLE_CHARACTERS = 400
_DEEPEST = 6
_GOLDEN_RATIO = 0.6180339887498949
OTHERS = "others"

_LONGEST_KEPT = 10_000
"""bytes: of longer messages the names alone, kept by the thousand, would fill a worker's memory"""
_Keys = tuple[Any, ...]


class Samples(NamedTuple):
    """Some messages, each of which stands for `step` of a batch."""

    values: Sequence[bytes]
    step: int


def samples_of(values: pa.Array) -> Samples:
    step = max(1, len(values) // _SAMPLES)
    return Samples(values.take(_places(len(values) // step, step)).drop_null().to_pylist(), step)


def sampled_layouts(samples: Samples) -> Quality:
    """About how many messages have each layout, and an example. What is no JSON object is in the refused ones."""
    counts: Counter[Key] = Counter()
    examples: dict[Key, str] = {}
    for value in samples.values:
        name = layout_name(value)
        if name is not None:
            key = Key(Measure.LAYOUT, name)
            counts[key] += samples.step
            if key not in examples:
                examples[key] = _told(value)[:_EXAMPLE_CHARACTERS].decode("utf-8", "replace")
    return most_used(Quality(counts, examples))


def _told(value: bytes) -> bytes:
    """The part of a message that tells most: a schema before it would be all that is seen."""
    return value.partition(b'"payload"')[2].lstrip(b" :") if is_connect(orjson.loads(value)) else value


def _places(samples: int, step: int) -> pa.Array:
    """One in each step, elsewhere in each: two producers that take turns must not hide each other."""
    return pa.array([int((number + number * _GOLDEN_RATIO % 1) * step) for number in range(samples)], pa.int64())


def layout_name(value: bytes) -> str | None:
    """A short name of the message's layout; None where it is no JSON object."""
    try:
        message = orjson.loads(value)
    except ValueError:
        return None
    if type(message) is not dict:
        return None
    named = _name if len(value) <= _LONGEST_KEPT else _name.__wrapped__
    return named(_keys(message))


def _keys(message: Record, depth: int = 0) -> _Keys:
    """The names, and those inside of objects; of what is deeper than any layout nothing."""
    inside = message.items() if depth < _DEEPEST else ()
    objects = [(key, value) for key, value in inside if type(value) is dict and single_value(value) is value]
    return (*message, *((key, _keys(value, depth + 1)) for key, value in objects))


@lru_cache(maxsize=1000)
def _name(keys: _Keys) -> str:
    """The same for the same names in another order."""
    return hashlib.sha256(repr(sorted(_paths(keys))).encode()).hexdigest()[:8]


def _paths(keys: _Keys, above: str = "") -> list[str]:
    paths = [f"{above}{key}" for key in keys if isinstance(key, str)]
    return paths + [path for key in keys if isinstance(key, tuple) for path in _paths(key[1], f"{above}{key[0]}.")]


def most_used(quality: Quality) -> Quality:
    """The most used layouts; all the others are counted as one."""
    layouts = sorted(
        (key for key in quality.counts if key.measure in (Measure.LAYOUT, Measure.NEW_LAYOUT) and key.name != OTHERS),
        key=lambda key: -quality.counts[key],
    )
    few = set(layouts[_MOST_LAYOUTS:])
    counts = Counter({key: count for key, count in quality.counts.items() if key not in few})
    counts[Key(Measure.LAYOUT, OTHERS)] += sum(quality.counts[key] for key in few)
    return Quality(+counts, {key: example for key, example in quality.examples.items() if key not in few})

"""The shapes that messages of a feed were seen in, learnt from the messages themselves."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.feeds.message_shapes import MessageShape, WantedPaths, shape_of

_MOST_SHAPES = 16
_SAMPLES = 4


def having(shape: MessageShape, messages: pa.Array) -> pa.Array:
    """Return for each message whether it has the shape; a null has none."""
    has_shape = pc.match_substring_regex(inside(shape, messages), rf"\A(?:{shape.pattern})\z")
    if shape.before:
        framed = pc.and_(pc.starts_with(messages, shape.before), pc.ends_with(messages, shape.after))
        has_shape = pc.and_(framed, has_shape)
    return pc.fill_null(has_shape, False)


def inside(shape: MessageShape, messages: pa.Array) -> pa.Array:
    """What messages with the shape have between its `before` and its `after`."""
    return pc.binary_slice(messages, len(shape.before), -len(shape.after)) if shape.before else messages


class ShapeCache:
    """The most used first. What is forgotten is learnt again: a shape decides the speed of a message, never its row."""

    def __init__(self, wanted: Sequence[WantedPaths]) -> None:
        self._wanted = wanted
        self._shapes: tuple[MessageShape, ...] = ()

    def sorted_out(self, messages: pa.Array) -> list[tuple[MessageShape | None, pa.Array]]:
        """The places of the messages by their shape; None: no known one."""
        left = _Left(messages)
        for shape in self._shapes:
            left.take(shape)
        for sample in range(_SAMPLES):
            new = left.shape_of_one(sample / _SAMPLES, self._wanted)
            # A message may be too odd for the shape it has without its values.
            if new is not None and new not in left.shapes:
                left.take(new)
        by_use = sorted(left.found, key=lambda of_shape: len(of_shape[1]), reverse=True)
        self._shapes = tuple(shape for shape, _ in by_use[:_MOST_SHAPES])
        return [of_shape for of_shape in (*by_use, (None, left.places)) if len(of_shape[1])]


class _Left:
    """The messages of a batch that no shape was found for yet."""

    def __init__(self, messages: pa.Array) -> None:
        self._messages = messages
        self.places = pa.array(range(len(messages)), pa.int64())
        self.found: list[tuple[MessageShape, pa.Array]] = []

    @property
    def shapes(self) -> list[MessageShape]:
        return [shape for shape, _ in self.found]

    def take(self, shape: MessageShape) -> None:
        messages = self._messages.take(self.places) if self.found else self._messages
        has_shape = having(shape, messages)
        self.found.append((shape, self.places.filter(has_shape)))
        self.places = self.places.filter(pc.invert(has_shape))

    def shape_of_one(self, where: float, wanted: Sequence[WantedPaths]) -> MessageShape | None:
        if not len(self.places):
            return None
        return shape_of(self._messages[self.places[int(where * len(self.places))].as_py()].as_py(), wanted)

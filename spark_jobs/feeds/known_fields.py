"""Names of which a record has to have one: they tell the layout, and that it is a record of this feed at all."""

from collections.abc import Iterable, Sequence

from spark_jobs.feeds.envelopes import Path, Record


def spellings(names: Iterable[str]) -> list[str]:
    """Each name, and with `_` for its spaces."""
    return [spelling for name in names for spelling in dict.fromkeys((name, name.replace(" ", "_")))]


def path_of(name: str) -> Path:
    """`a.b` is key b inside object a; other points belong to the name."""
    return tuple(name.split(".", 1))


class KnownFields:
    """The names of some fields; a name counts as present whatever its value."""

    def __init__(self, names: Iterable[str]) -> None:
        paths = [path_of(name) for name in spellings(names)]
        self._plain = frozenset(path[0] for path in paths if len(path) == 1)
        nested = [path for path in paths if len(path) > 1]
        self._inside = {
            outer: frozenset(path[1] for path in nested if path[0] == outer) for outer in {path[0] for path in nested}
        }

    def any_in(self, record: Record) -> bool:
        """Whether one of the names is there."""
        if not self._plain.isdisjoint(record):
            return True
        return any(
            type(value := record.get(outer)) is dict and not names.isdisjoint(value)
            for outer, names in self._inside.items()
        )


def layout_of(record: Record, layouts: Sequence[KnownFields]) -> int | None:
    """The first layout that a field of the record tells; None where no field is known."""
    return next((number for number, known in enumerate(layouts) if known.any_in(record)), None)

"""Ways in which a Parquet file of ours can be one that nobody can use."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def truncate(file: Path) -> None:
    """As a disk that was full."""
    file.write_bytes(file.read_bytes()[:-20])


def make_unopenable(file: Path) -> None:
    """As one without permission, for root as well."""
    file.unlink()
    file.symlink_to(file.name)


def give_other_columns(file: Path) -> None:
    """As another tool that writes there."""
    pq.write_table(pa.table({"other": ["x"]}), file)


def give_other_types(file: Path) -> None:
    """All columns are texts."""
    rows = pq.read_metadata(file).num_rows
    pq.write_table(pa.table({name: ["x"] * rows for name in pq.read_schema(file).names}), file)


SPOILERS = (truncate, make_unopenable, give_other_columns, give_other_types)

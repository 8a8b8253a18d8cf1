"""What is damaged in a file is told; what the machine cannot do at the moment is not taken for damage."""

import errno
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spark_jobs.publication.parquet_files import DamagedParquet, parquet_file, write_parquet

ROWS = pa.table({"station": [f"station {number % 7}" for number in range(500)], "trips": list(range(500))})


def read(path: Path) -> pa.Table:
    with parquet_file(path) as file:
        return file.read(use_threads=False).select(ROWS.column_names)


def test_a_flipped_bit_in_a_page_is_told_or_changes_nothing(tmp_path: Path) -> None:
    write_parquet(ROWS, tmp_path / "sound.parquet")
    sound, dice, told = (tmp_path / "sound.parquet").read_bytes(), Random(2018), 0
    footer = int.from_bytes(sound[-8:-4], "little") + 8  # which Parquet itself does not sum up
    for number in range(400):
        damaged = bytearray(sound)
        damaged[dice.randrange(len(sound) - footer)] ^= 1 << dice.randrange(8)
        path = tmp_path / f"{number}.parquet"
        path.write_bytes(damaged)
        try:
            assert read(path).to_pydict() == ROWS.to_pydict()
        except DamagedParquet as fault:
            assert str(fault).startswith(f"{path} cannot be read: ")  # noqa: PT017 - either is right
            told += 1
    assert told > 300


@pytest.mark.parametrize("content", [b"", b"no Parquet", b"PAR1" + bytes(100) + b"PAR1"])
def test_what_is_no_parquet_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.parquet"
    path.write_bytes(content)
    with pytest.raises(DamagedParquet, match=r"odd\.parquet cannot be read: "):
        read(path)


def test_a_file_without_checksums_of_an_older_version_is_read(tmp_path: Path) -> None:
    pq.write_table(ROWS, tmp_path / "old.parquet")
    assert read(tmp_path / "old.parquet").equals(ROWS)


@pytest.mark.parametrize("why", [errno.EMFILE, errno.EACCES, errno.ESTALE, errno.ENOENT])
def test_a_machine_that_fails_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: int) -> None:
    def failing(*_: object, **__: object) -> None:
        raise OSError(why, "not now")

    monkeypatch.setattr(pq, "ParquetFile", failing)
    with pytest.raises(OSError, match="not now"):
        read(tmp_path / "any.parquet")

"""Where a batch starts and ends, from the plans that Spark writes before it runs one."""

from pathlib import Path

import pytest

from spark_jobs.diagnosis import StreamFault
from spark_jobs.kafka.checkpoint import batch_range, planned_offsets


def planned(checkpoint: Path, text: str, batch_id: int = 7) -> Path:
    (checkpoint / "offsets").mkdir(parents=True, exist_ok=True)
    (checkpoint / "offsets" / str(batch_id)).write_text(text)
    return checkpoint


def test_a_plan_says_where_its_batch_ends(tmp_path: Path) -> None:
    checkpoint = planned(tmp_path, 'v1\n{"batchWatermarkMs":0}\n{"bike-trips":{"0":20,"1":7}}')
    assert planned_offsets(checkpoint, 7) == {"bike-trips": {"0": 20, "1": 7}}


def test_several_sources_make_one_plan_and_a_silent_one_is_left_out(tmp_path: Path) -> None:
    checkpoint = planned(tmp_path, 'v1\n{}\n{"a": {"0": 1}}\n-\n{"b": {"0": 2}}')
    assert planned_offsets(checkpoint, 7) == {"a": {"0": 1}, "b": {"0": 2}}


@pytest.mark.parametrize("text", ['v1\n{}\n{"bike-tr', "v1\n{}\n7"], ids=["cut short", "no offsets"])
def test_a_damaged_plan_counts_as_none(tmp_path: Path, text: str) -> None:
    assert planned_offsets(planned(tmp_path, text), 7) is None


def test_where_there_is_no_plan_nobody_knows_the_end(tmp_path: Path) -> None:
    assert planned_offsets(tmp_path, 7) is None, "the checkpoint was removed"
    assert planned_offsets(planned(tmp_path, "v1\n{}\n{}"), 6) is None, "Spark keeps the last twenty only"


def test_a_batch_starts_where_the_one_before_ends_and_the_first_where_the_query_does(tmp_path: Path) -> None:
    planned(tmp_path, 'v1\n{}\n{"trips": {"0": 20}}', 0)
    planned(tmp_path, 'v1\n{}\n{"trips": {"0": 35}}', 1)
    assert batch_range(tmp_path, 0, "trips", {"0": 5}) == ({"0": 5}, {"0": 20})
    assert batch_range(tmp_path, 1, "trips", {"0": 5}) == ({"0": 20}, {"0": 35})


def test_without_its_checkpoint_a_batch_has_no_end(tmp_path: Path) -> None:
    with pytest.raises(StreamFault, match="was removed while the query runs"):
        batch_range(tmp_path, 0, "trips", {"0": 5})

"""A log that is appended to by others is emptied under them without a hole and without growing for ever."""

from pathlib import Path

from spark_jobs.runtime.driver_log import aside, keep_small


def test_a_log_that_grew_too_big_is_copied_aside_and_emptied(tmp_path: Path) -> None:
    log = tmp_path / "driver.log"
    with log.open("ab") as written:
        for number in (1, 2, 3, 4):
            written.write(f"{number} long enough\n".encode())
            written.flush()
            keep_small(log, most_bytes=5, kept=2)
        written.write(b"5")
    assert log.read_bytes() == b"5", "the writer goes on at the new beginning"
    assert aside(log, 1).read_bytes() == b"4 long enough\n"
    assert aside(log, 2).read_bytes() == b"3 long enough\n"
    assert not aside(log, 3).exists()


def test_a_small_or_absent_log_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "driver.log"
    keep_small(log, most_bytes=5)
    log.write_text("small")
    keep_small(log, most_bytes=5)
    assert [path.name for path in tmp_path.iterdir()] == ["driver.log"]

"""Section 2 of feeds.md: which texts are times, and which instants they name."""

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from spark_jobs.columns.instants import epoch_instant, instant, odd_time

LOCAL_TIMES: dict[str, tuple[str, str | None]] = {
    "winter": ("2018-01-01 00:16:33", "2018-01-01 05:16:33"),
    "summer": ("2018-07-01 00:16:33", "2018-07-01 04:16:33"),
    "T between": ("2018-01-01T00:16:33", "2018-01-01 05:16:33"),
    "no seconds": ("2018-01-01 00:16", "2018-01-01 05:16:00"),
    "a fraction": ("2018-01-01 00:16:33.1870", "2018-01-01 05:16:33.187"),
    "nine digits are cut to microseconds": ("2018-01-01 00:00:00.123456789", "2018-01-01 05:00:00.123456"),
    "ten digits": ("2018-01-01 00:00:00.1234567891", None),
    "the spring gap moves forward": ("2018-03-11 02:30:00", "2018-03-11 07:30:00"),
    "before the gap": ("2018-03-11 01:59:59", "2018-03-11 06:59:59"),
    "after the gap": ("2018-03-11 03:00:00", "2018-03-11 07:00:00"),
    "a repeated time is daylight time": ("2018-11-04 01:30:00", "2018-11-04 05:30:00"),
    "after the repeated hour": ("2018-11-04 02:00:00", "2018-11-04 07:00:00"),
    "a spreadsheet's": ("1/5/2018 9:05", "2018-01-05 14:05:00"),
    "a spreadsheet's with seconds": ("12/31/2018 23:59:59", "2019-01-01 04:59:59"),
    "a spreadsheet's with an offset": ("1/5/2018 9:05-0330", "2018-01-05 12:35:00"),
    "no thirteenth month": ("13/1/2018 9:05", None),
    "Z": ("2018-01-01 00:16:33Z", "2018-01-01 00:16:33"),
    "hours of offset": ("2018-01-01 00:16:33+01", "2017-12-31 23:16:33"),
    "offset without seconds": ("2018-01-01T00:16-05:30", "2018-01-01 05:46:00"),
    "offset without a colon": ("2018-01-01 00:16:33.5+0545", "2017-12-31 18:31:33.5"),
    "an offset no zone has": ("2018-01-01 00:16:33+19", None),
    "blanks around": (" 2018-01-01 00:16:33\t", "2018-01-01 05:16:33"),
    "a date alone": ("2018-01-01", None),
    "no such day": ("2018-02-29 00:00:00", None),
    "hour 24": ("2018-01-01 24:00:00", None),
    "one digit": ("2018-1-1 00:00:00", None),
    "a zone's name": ("2018-01-01 00:00:00 UTC", None),
    "a line after it": ("2018-01-01 00:00:00\nx", None),
}


def test_local_times_become_instants(spark: SparkSession) -> None:
    texts = spark.createDataFrame([(name, text) for name, (text, _) in LOCAL_TIMES.items()], "name string, text string")
    odd = texts.withColumn("odd", odd_time(F.col("text")))
    named = odd.select("name", instant(F.col("text"), F.col("odd"), "America/New_York").cast("string").alias("utc"))
    assert {row["name"]: row["utc"] for row in named.collect()} == {name: utc for name, (_, utc) in LOCAL_TIMES.items()}


EPOCHS: dict[float, str | None] = {
    1544952607.89: "2018-12-16 09:30:07.89",
    1543208580200.0: "2018-11-26 05:03:00.2",
    0.0: "1970-01-01 00:00:00",
    1e11: "1973-03-03 09:46:40",
    253_402_300_800_000.0: None,
    1e300: None,
    -1e300: None,
}


def test_epochs_are_seconds_or_milliseconds(spark: SparkSession) -> None:
    epochs = spark.createDataFrame([(epoch,) for epoch in EPOCHS], "epoch double")
    rows = epochs.select("epoch", epoch_instant(F.col("epoch")).cast("string").alias("utc")).collect()
    assert {row["epoch"]: row["utc"] for row in rows} == EPOCHS

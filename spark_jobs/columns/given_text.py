"""Values as the message gives them: which count as empty, what trimming is, and which texts are numbers."""

from pyspark.sql import Column
from pyspark.sql import functions as F

BLANKS = " \t\n\x0b\f\r"
EMPTY_VALUES = ("NA", "N/A", "NaN", "nan", "null", "NULL", "None", r"\N")

# from_json hands over the bare tokens NaN and Infinity in quotes, and objects and arrays as JSON text.
_BARE_TOKENS = ('"NaN"', '"Infinity"', '"-Infinity"')
_NO_VALUE = (
    r"(?s)^(?:[{\[].*|\s*(?:"
    + "|".join(word.replace("\\", "\\\\") for word in (*EMPTY_VALUES, *_BARE_TOKENS))
    + r")?\s*)\z"
)
_LONGEST_EMPTY_VALUE = 11

# Java's own parser would also take 1d, 0x1p3 and Infinity.
_NUMBER = r"^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*\z"


def present(given: Column) -> Column:
    """The text unchanged, or null where it is empty, a word for nothing, or no single value."""
    # First letters settle nearly every value without a regex: + , - . / and digits open no empty word.
    looks_like_a_number = (given >= "+") & (given < ":")
    is_a_capitalised_text = (F.octet_length(given) > _LONGEST_EMPTY_VALUE) & (given >= "0") & (given < "[")
    return F.when(looks_like_a_number | is_a_capitalised_text | ~given.rlike(_NO_VALUE), given)


def trimmed(text: Column) -> Column:
    """The text without blanks around it."""
    # Trimming a set of characters copies the text, so ask first: blanks sort below every other character.
    has_blanks = (text < "!") | (F.right(text, F.lit(1)) < "!")
    return F.when(has_blanks, F.btrim(text, F.lit(BLANKS))).otherwise(text)


def number(text: Column) -> Column:
    """The finite double the text spells, else null."""
    value = text.try_cast("double")
    return F.when(text.rlike(_NUMBER) & (F.abs(value) < float("inf")), value)


def number_between(number: Column, lowest: float, highest: float) -> Column:
    """The number where it lies in the range, both ends included, else null."""
    return F.when((number >= lowest) & (number <= highest), number)


def whole_number_between(number: Column, lowest: int, highest: int) -> Column:
    """The number as an integer where it is whole and in the range (1985.0 is, 1985.5 is not), else null."""
    return F.when((number >= lowest) & (number <= highest) & (number == F.floor(number)), number.try_cast("int"))

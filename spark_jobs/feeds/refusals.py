"""Why a message does not become a row: each name completes "refused because ..."."""

from enum import StrEnum, auto


class Refusal(StrEnum):
    """In the order they are checked; the first that applies is the reason."""

    THE_MESSAGE_IS_EMPTY = auto()
    THE_MESSAGE_IS_NOT_JSON = auto()
    THE_RECORD_IS_A_DELETION = auto()
    THE_MESSAGE_IS_NOT_AN_OBJECT = auto()
    THE_DATA_IS_NOT_AN_OBJECT = auto()
    THE_RECORD_HAS_NO_KNOWN_FIELD = auto()
    THE_REPORT_IS_A_SUMMARY = auto()
    THE_STATION_IS_MISSING = auto()
    THE_MODE_IS_UNKNOWN = auto()
    THE_EVENT_TIME_IS_MISSING = auto()
    THE_EVENT_TIME_IS_UNREADABLE = auto()
    THE_EVENT_TIME_IS_TOO_OLD = auto()
    THE_EVENT_TIME_IS_IN_THE_FUTURE = auto()


class RedriveRefusal(StrEnum):
    """Why a message that says to be a copy of a refused one is not taken: checked before all the others."""

    THE_ORIGINAL_WAS_NOT_REFUSED = auto()
    THE_ORIGINAL_WAS_REDRIVEN_BEFORE = auto()

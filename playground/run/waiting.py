"""Poll a condition until it is true or a time limit passes: for the launcher, the benchmarks and the tests."""

from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_delay, wait_fixed

Found = TypeVar("Found")


def wait_until(
    condition: Callable[[], Found | None],
    what: str,
    timeout_s: float,
    *,
    poll_s: float = 0.2,
    last_seen: Callable[[], object] | None = None,
) -> Found:
    """Return the condition's first true value; what it raises ends the wait.

    Raises: TimeoutError naming `what` and, where given, what `last_seen` returns.
    """

    def give_up(_: RetryCallState) -> Found:
        seen = "" if last_seen is None else f"; last seen: {last_seen()}"
        raise TimeoutError(f"{what}: not within {timeout_s:g} s{seen}")

    attempts = Retrying(
        stop=stop_after_delay(timeout_s),
        wait=wait_fixed(poll_s),
        retry=retry_if_result(lambda found: not found),
        retry_error_callback=give_up,
    )
    return attempts(condition)  # type: ignore[return-value]  # a false value is never returned

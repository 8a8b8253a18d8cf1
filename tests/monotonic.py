"""A clock that nobody can set, and that a test lets go on."""


class Seconds:
    """Stands for `time.monotonic`."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def go_on(self, seconds: float) -> None:
        self.now += seconds

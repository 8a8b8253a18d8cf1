"""Where a run writes for people."""

from rich.console import Console

console = Console(highlight=False, soft_wrap=True)


def say(text: str) -> None:
    console.print(text, markup=False)

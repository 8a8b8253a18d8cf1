"""Compute and print the table of docs/playground-ground-truth.md."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from playground.generator.ground_truth import measured


def promised_range(values: list[float]) -> tuple[float, float]:
    """Widen the range over the seeds by a third of the spread on either side, for seeds not tried."""
    spread = max(values) - min(values)
    return min(values) - spread / 3, max(values) + spread / 3


def ground_truth(
    start: Annotated[str, typer.Option(help="Simulated start, UTC.")] = "2018-09-20",
    days: Annotated[int, typer.Option(min=8, help="Simulated days.")] = 60,
    seeds: Annotated[int, typer.Option(min=1, help="Number of seeds, from 1.")] = 16,
    volume: Annotated[float, typer.Option(min=0.001, help="Factor on bike trips and taxi rides.")] = 1.0,
) -> None:
    """Simulate the generator's rules over several seeds and print each figure's range, as a table."""
    begins = datetime.fromisoformat(start).replace(tzinfo=UTC)
    runs = [measured(seed, begins, days, volume) for seed in range(1, seeds + 1)]
    print(f"{days} days from {start}, seeds 1 to {seeds}\n")
    print("| figure | least | mean | most | promised |\n|---|---|---|---|---|")
    for name in runs[0]:
        values = [run[name] for run in runs]
        low, high = promised_range(values)
        middle = sum(values) / len(values)
        print(f"| {name} | {min(values):.3f} | {middle:.3f} | {max(values):.3f} | {low:.2f} to {high:.2f} |")


if __name__ == "__main__":
    typer.run(ground_truth)

"""Command-line options that the benchmarks, and the longer proofs of the tests, share."""

from typing import Annotated

import typer

Events = Annotated[int, typer.Option(min=1, help="Messages in the backlog, over 14 days.")]
WarmUp = Annotated[int, typer.Option(min=0, help="Seconds of trickle before it is measured.")]
Trickle = Annotated[int, typer.Option(min=1, help="Seconds of trickle that are measured.")]
Record = Annotated[bool, typer.Option("--record", help="Write the figures into BENCHMARKS.md.")]
RecordReliability = Annotated[bool, typer.Option("--record", help="Write the result into RELIABILITY.md.")]

"""The four feeds as pure functions of a seed and a time: the same arguments give the same bytes.

Messages are generated per quarter hour, each quarter hour independently of the ones before it.
"""

from playground.generator.message import Message
from playground.generator.stream import Run, Scenario, messages

__all__ = ["Message", "Run", "Scenario", "messages"]

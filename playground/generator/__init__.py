"""The four feeds as pure functions of a seed and a time: the same arguments give the same bytes.

Everything is made quarter hour by quarter hour, and any quarter hour can be made without the ones before it.
"""

from playground.generator.message import Message
from playground.generator.stream import Run, Scenario, messages

__all__ = ["Message", "Run", "Scenario", "messages"]

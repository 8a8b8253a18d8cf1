"""Questions to the brokers. Whoever is refused asks again as somebody new, with what the files say by then."""

from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from spark_jobs.kafka.connection import Connection, client_options

_LOOK_EVERY_S = 0.1
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True)
class Session:
    """One client, and what it says of logins and handshakes that failed.

    Left alone it would try again many times a second, and answer after ten that time is up.
    """

    client: AdminClient
    refusals: deque[KafkaError]

    def answers(self, futures: Mapping[K, Future[V]]) -> dict[K, V]:
        """Wait for all of them. KafkaException where we are refused, or one of them is."""
        while wait(futures.values(), _LOOK_EVERY_S).not_done:
            if self.was_refused():
                raise KafkaException(self.refusals[0])
        return {key: answer.result() for key, answer in futures.items()}

    def was_refused(self) -> bool:
        self.client.poll(0)
        return bool(self.refusals)


class BrokerClient:
    """Asks the brokers of one connection. It connects when asked something, not before."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._session: Session | None = None

    def session(self) -> Session:
        """The one that is open, or a new one. KafkaException or StreamFault where a file is no use."""
        if self._session is None or self._session.was_refused():
            self._session = _begun(self.connection)
        return self._session


def _begun(connection: Connection) -> Session:
    refusals: deque[KafkaError] = deque(maxlen=1)

    def note(error: KafkaError) -> None:
        if error.code() in (KafkaError._AUTHENTICATION, KafkaError._SSL) or "SSL alert" in error.str():
            refusals.append(error)

    limits = {"log_level": 0, "socket.timeout.ms": 10_000}
    options: dict[str, Any] = {**client_options(connection), **limits, "error_cb": note}
    return Session(AdminClient(options), refusals)

"""A broker with a second way in that wants TLS on both sides and a login, and has ACLs. Certificates by `openssl`."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from playground.broker.configuration import BrokerConfig, Listener
from playground.broker.process import Broker
from playground.run.ports import HOST, free_port
from spark_jobs.kafka.connection import Connection

USER = "ingestion job"
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


@dataclass(frozen=True)
class SecuredBroker:
    """A started broker; who comes in the plain way may do everything, `USER` nothing until it is permitted."""

    broker: Broker
    connection: Connection

    @cached_property
    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.broker.bootstrap_servers, "log_level": 0})

    def set_password(self, password: str) -> None:
        secret = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        user = UserScramCredentialUpsertion(USER, secret, password.encode())
        for done in self._admin.alter_user_scram_credentials([user]).values():
            done.result(30)

    def permit(self, *operations: AclOperation) -> None:
        """On all topics; nothing else, as docs/operate.md has it."""
        whole, allow = ResourcePatternType.LITERAL, AclPermissionType.ALLOW
        rules = [AclBinding(ResourceType.TOPIC, "*", whole, f"User:{USER}", "*", one, allow) for one in operations]
        for done in self._admin.create_acls(rules).values():
            done.result(30)


@contextmanager
def secured_broker(folder: Path) -> Iterator[SecuredBroker]:
    """Run one in a folder, with `ca.pem`, `other-ca.pem` and `client.pem`; the credentials are left to the test."""
    folder.mkdir()
    for name in ("ca", "other-ca"):
        _openssl(folder, "req", "-x509", *_KEY, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}")
    ca, server, client = folder / "ca.pem", _signed(folder, "server"), _signed(folder, "client")
    port = free_port()
    config = BrokerConfig(
        folder / "broker",
        free_port(other_than=port),
        heap="256m",
        listeners=[Listener("SASL_SSL", port)],
        properties=_properties(server, ca),
    )
    broker = Broker(config)
    try:
        broker.start()
        broker.create_topics()
        credentials = str(folder / "credentials.properties")
        yield SecuredBroker(
            broker, Connection(f"{HOST}:{port}", "SASL_SSL", "SCRAM-SHA-512", credentials, str(ca), str(client))
        )
    finally:
        broker.stop()


def _properties(server: Path, ca: Path) -> dict[str, str]:
    return {
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": _SCRAM,
        "listener.name.sasl_ssl.ssl.client.auth": "required",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(server),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(ca),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }


def _signed(folder: Path, name: str) -> Path:
    """A key and its certificate in one PEM file."""
    request, certificate, pem = (folder / f"{name}.{end}" for end in ("csr", "crt", "pem"))
    (folder / "names").write_text(f"subjectAltName=IP:{HOST},DNS:localhost\n")
    _openssl(folder, "req", *_KEY, "-keyout", f"{name}.key", "-out", request.name, "-subj", f"/CN={name}")
    by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names")
    _openssl(folder, "x509", "-req", "-in", request.name, *by, "-out", certificate.name)
    pem.write_text((folder / f"{name}.key").read_text() + certificate.read_text())
    return pem


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

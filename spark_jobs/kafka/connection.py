"""Where Kafka is and how it is spoken to: one value, said to Java's client and to ours. It holds no secret."""

from dataclasses import dataclass

from spark_jobs.kafka.security_files import read_credentials, refuse_unusable_ca, refuse_unusable_client_pem
from spark_jobs.settings import Settings

_LOGIN_MODULES = {"PLAIN": "plain.PlainLoginModule"}
_SCRAM = "scram.ScramLoginModule"


@dataclass(frozen=True)
class Connection:
    """Brokers and security, as the settings say it: names and paths."""

    bootstrap_servers: str
    protocol: str = "PLAINTEXT"
    mechanism: str = "SCRAM-SHA-512"
    credentials_file: str = ""
    ca_file: str = ""
    client_pem_file: str = ""

    def __str__(self) -> str:
        return self.bootstrap_servers

    @property
    def logs_in(self) -> bool:
        return self.protocol.startswith("SASL_")

    def refuse_unusable_files(self) -> None:
        """StreamFault where a file is not there, or is not what it should be."""
        if self.logs_in:
            read_credentials(self.credentials_file)
        if self.ca_file:
            refuse_unusable_ca(self.ca_file)
        if self.client_pem_file:
            refuse_unusable_client_pem(self.client_pem_file)


def connection_of(settings: Settings) -> Connection:
    """The connection that the settings describe."""
    return Connection(
        settings.KAFKA_BOOTSTRAP_SERVERS,
        settings.KAFKA_SECURITY_PROTOCOL,
        settings.KAFKA_SASL_MECHANISM,
        settings.KAFKA_CREDENTIALS_FILE,
        settings.KAFKA_CA_FILE,
        settings.KAFKA_CLIENT_PEM_FILE,
    )


def spark_options(connection: Connection) -> dict[str, str]:
    """Options of Spark's Kafka source.

    Spark shows them in plans and hands them to the executors, so Java's client is told where the password is: it reads
    the file itself, whenever it is made.
    """
    options = {"bootstrap.servers": connection.bootstrap_servers, "security.protocol": connection.protocol}
    if connection.logs_in:
        options |= {
            "sasl.mechanism": connection.mechanism,
            "sasl.jaas.config": _login(connection.mechanism, connection.credentials_file),
            "config.providers": "file",
            "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
        }
    for store, file in (("truststore", connection.ca_file), ("keystore", connection.client_pem_file)):
        if file:
            options |= {f"ssl.{store}.type": "PEM", f"ssl.{store}.location": file}
    return {f"kafka.{name}": value for name, value in options.items()}


def _login(mechanism: str, file: str) -> str:
    module = f"org.apache.kafka.common.security.{_LOGIN_MODULES.get(mechanism, _SCRAM)}"
    return f'{module} required username="${{file:{file}:username}}" password="${{file:{file}:password}}";'


def client_options(connection: Connection) -> dict[str, str]:
    """Options of librdkafka, with the password, for a client of this process. StreamFault where a file is no use."""
    connection.refuse_unusable_files()
    options = {"bootstrap.servers": connection.bootstrap_servers, "security.protocol": connection.protocol}
    if connection.logs_in:
        credentials = read_credentials(connection.credentials_file)
        options |= {
            "sasl.mechanism": connection.mechanism,
            "sasl.username": credentials.username,
            "sasl.password": credentials.password,
        }
    if connection.ca_file:
        options["ssl.ca.location"] = connection.ca_file
    if connection.client_pem_file:
        options |= dict.fromkeys(("ssl.certificate.location", "ssl.key.location"), connection.client_pem_file)
    return options

"""How a secured Kafka is said to both clients, and which files of it are refused; no secret is where it can be read."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from spark_jobs.diagnosis import StreamFault
from spark_jobs.kafka.connection import Connection, client_options, connection_of, spark_options
from spark_jobs.kafka.security_files import Credentials, read_credentials
from spark_jobs.settings import settings_from

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
PRIVATE_KEY = "-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n"
PASSWORD = "p'a s$s{}=#ö:;!"
Files = Callable[[str, str], str]


@pytest.fixture
def file(tmp_path: Path) -> Files:
    """Writes a file and gives its path."""

    def write(name: str, text: str) -> str:
        (tmp_path / name).write_text(text, newline="")
        return str(tmp_path / name)

    return write


@pytest.fixture
def secured(file: Files) -> Connection:
    """A connection with everything."""
    credentials = file("credentials.properties", f"# of the job\r\n\n username = ingestion\npassword={PASSWORD}\n")
    ca, client = file("ca.pem", CERTIFICATE), file("client.pem", PRIVATE_KEY + CERTIFICATE)
    return Connection("b:9093", "SASL_SSL", "SCRAM-SHA-256", credentials, ca, client)


def test_a_plain_kafka_needs_no_more_than_its_brokers() -> None:
    plain = connection_of(settings_from({"KAFKA_BOOTSTRAP_SERVERS": "b:9092"}))
    assert plain == Connection("b:9092")
    assert spark_options(plain) == {"kafka.bootstrap.servers": "b:9092", "kafka.security.protocol": "PLAINTEXT"}
    assert client_options(plain) == {"bootstrap.servers": "b:9092", "security.protocol": "PLAINTEXT"}


def test_the_settings_are_the_connection(secured: Connection) -> None:
    settings = settings_from(
        {
            "KAFKA_BOOTSTRAP_SERVERS": "b:9093",
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": "SCRAM-SHA-256",
            "KAFKA_CREDENTIALS_FILE": secured.credentials_file,
            "KAFKA_CA_FILE": secured.ca_file,
            "KAFKA_CLIENT_PEM_FILE": secured.client_pem_file,
        }
    )
    assert connection_of(settings) == secured


def test_spark_is_told_where_the_password_is_and_never_what_it_is(secured: Connection) -> None:
    options = spark_options(secured)
    file = secured.credentials_file
    assert options == {
        "kafka.bootstrap.servers": "b:9093",
        "kafka.security.protocol": "SASL_SSL",
        "kafka.sasl.mechanism": "SCRAM-SHA-256",
        "kafka.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required "
        f'username="${{file:{file}:username}}" password="${{file:{file}:password}}";',
        "kafka.config.providers": "file",
        "kafka.config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
        "kafka.ssl.truststore.type": "PEM",
        "kafka.ssl.truststore.location": secured.ca_file,
        "kafka.ssl.keystore.type": "PEM",
        "kafka.ssl.keystore.location": secured.client_pem_file,
    }
    assert PASSWORD not in f"{options} {secured!r} {read_credentials(file)!r}"


def test_our_own_client_is_told_the_password_itself(secured: Connection) -> None:
    assert client_options(secured) == {
        "bootstrap.servers": "b:9093",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.username": "ingestion",
        "sasl.password": PASSWORD,
        "ssl.ca.location": secured.ca_file,
        "ssl.certificate.location": secured.client_pem_file,
        "ssl.key.location": secured.client_pem_file,
    }


@pytest.mark.parametrize(
    ("mechanism", "module"), [("PLAIN", "plain.PlainLoginModule"), ("SCRAM-SHA-512", "scram.ScramLoginModule")]
)
def test_each_mechanism_has_its_login_module(mechanism: str, module: str) -> None:
    login = spark_options(Connection("b:1", "SASL_PLAINTEXT", mechanism, "/f"))["kafka.sasl.jaas.config"]
    assert login.startswith(f"org.apache.kafka.common.security.{module} required ")


UNUSABLE_CREDENTIALS = {
    "no password": ("username=a\n", "no line password=..."),
    "an empty password": ("username=a\npassword=\n", "no line password=..."),
    "no username": ("password=secret\n", "no line username=..."),
    "a colon": ("username=a\npassword: secret\n", "line 2 is not name=value"),
    "a byte order mark": ("\ufeffusername=a\npassword=secret\n", "line 1 is not name=value"),
    "a quote, which ends the line of the login": ('username=a\npassword=se"cret\n', "line 2 has a quote"),
    "a backslash, which Java takes for an escape": ("username=a\npassword=se\\cret\n", "line 2 has .* a backslash"),
    "a control character": ("username=a\npassword=se\x07cret\n", "line 2 has .* a control character"),
    "a blank at the end": ("username=a \npassword=secret\n", "line 1 has .* a blank at its end"),
}


@pytest.mark.parametrize(("text", "why"), UNUSABLE_CREDENTIALS.values(), ids=UNUSABLE_CREDENTIALS)
def test_credentials_that_java_would_read_differently_are_refused_without_telling_them(
    text: str, why: str, file: Files
) -> None:
    with pytest.raises(StreamFault, match=rf"\(KAFKA_CREDENTIALS_FILE\) cannot be used: .*{why}") as refused:
        read_credentials(file("credentials.properties", text))
    assert refused.value.diagnosis.external
    assert "cret" not in str(refused.value.diagnosis)


def test_the_last_of_two_lines_counts_as_it_does_in_java(file: Files) -> None:
    text = "username=a\rpassword=old\rpassword=new\rother=1"
    assert read_credentials(file("credentials.properties", text)) == Credentials("a", "new")


UNUSABLE_PEM = {
    "an authority that is none": ("ca_file", "nothing", "KAFKA_CA_FILE.* no -----BEGIN CERTIFICATE-----"),
    "a client without a key": (
        "client_pem_file",
        CERTIFICATE,
        "KAFKA_CLIENT_PEM_FILE.* no -----BEGIN PRIVATE KEY-----",
    ),
    "a key that Java does not read": (
        "client_pem_file",
        CERTIFICATE + PRIVATE_KEY.replace("PRIVATE", "RSA PRIVATE"),
        "`openssl pkcs8 -topk8 -nocrypt` makes one",
    ),
    "a client without a certificate": (
        "client_pem_file",
        PRIVATE_KEY,
        "KAFKA_CLIENT_PEM_FILE.* no -----BEGIN CERTIFICATE-----",
    ),
}


@pytest.mark.parametrize(("which", "text", "why"), UNUSABLE_PEM.values(), ids=UNUSABLE_PEM)
def test_a_file_that_is_no_use_is_refused(which: str, text: str, why: str, file: Files) -> None:
    connection = Connection("b:1", "SSL", **{which: file("file.pem", text)})
    with pytest.raises(StreamFault, match=why):
        connection.refuse_unusable_files()


@pytest.mark.parametrize("which", ["credentials_file", "ca_file", "client_pem_file"])
def test_a_file_that_is_not_there_is_refused(which: str, secured: Connection, tmp_path: Path) -> None:
    (tmp_path / Path(getattr(secured, which)).name).unlink()
    with pytest.raises(StreamFault, match=r"cannot be read \(No such file or directory\)"):
        secured.refuse_unusable_files()


def test_the_job_does_not_start_without_its_files(tmp_path: Path) -> None:
    """It says so where every failed start is told: on the console, and in its status."""
    missing = tmp_path / "credentials.properties"
    settings = {
        "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "KAFKA_CREDENTIALS_FILE": str(missing),
        "OUTPUT_BASE_PATH": str(tmp_path / "out"),
        "CHECKPOINT_BASE_PATH": str(tmp_path / "checkpoints"),
    }
    job = [sys.executable, "-m", "spark_jobs.ingestion_job"]
    ended = subprocess.run(
        job, env={**os.environ, **settings}, capture_output=True, text=True, timeout=120, check=False
    )
    sentence = f"ingestion did not start: the file {missing} (KAFKA_CREDENTIALS_FILE) cannot be used"
    assert ended.returncode == 1
    assert sentence in ended.stderr
    assert sentence in (tmp_path / "out" / "_control" / "status.json").read_text()

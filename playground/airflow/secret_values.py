"""Values for Airflow's secrets. Standard library only: containers are set up where nothing is installed."""

import base64
import secrets


def long_secret() -> str:
    """Make a password, or a key to sign with."""
    return secrets.token_urlsafe(64)


def fernet_key() -> str:
    """Make a key that Airflow encrypts with."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()

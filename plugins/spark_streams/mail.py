"""A mail that is given up in seconds: nobody watches while it is sent, and what was not sent is kept and sent again."""

from collections.abc import Sequence

from airflow.providers.smtp.hooks.smtp import SmtpHook
from airflow.providers.smtp.notifications.smtp import SmtpNotifier

_TIMEOUT_S = 10


class MailNotifier(SmtpNotifier):
    """Airflow's own, by the Connection that its configuration names for mails."""

    def __init__(self, to: Sequence[str], subject: str, html_content: str) -> None:
        super().__init__(to=to, subject=subject, html_content=html_content)
        self.hook = _ImpatientHook(self.smtp_conn_id)


class _ImpatientHook(SmtpHook):
    """Airflow's tries six times to reach a server, each time for 30 s."""

    @property
    def timeout(self) -> int:
        return min(super().timeout, _TIMEOUT_S)

    @property
    def smtp_retry_limit(self) -> int:
        return 0

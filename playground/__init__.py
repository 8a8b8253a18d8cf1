"""Everything on one machine without Docker: a real broker, simulated feeds, Airflow and the jobs."""


class PlaygroundError(Exception):
    """Something of the playground cannot be had or used; the message is for its user: what, why, and the next step."""

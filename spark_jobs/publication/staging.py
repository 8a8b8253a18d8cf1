"""Whose a folder in staging is: each driver has one for its batches, and one for what it is asked to do."""

_OF_REQUESTS = ".requests"


def staging_of_requests(instance: str) -> str:
    """The staging folder of a driver's requests: apart from that of its batches."""
    return f"{instance}{_OF_REQUESTS}"


def driver_of_staging(folder: str) -> str:
    """The driver that a staging folder belongs to."""
    return folder.removesuffix(_OF_REQUESTS)

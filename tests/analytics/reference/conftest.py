from pathlib import Path

import pytest

from tests.analytics.reference.handmade import HandmadeFeeds


@pytest.fixture
def feeds(tmp_path: Path) -> HandmadeFeeds:
    return HandmadeFeeds(tmp_path / "feeds")

"""Files as people have downloaded them, packed or not, and what a replay finds in them."""

import gzip
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from playground.replay.found_files import UnusableFile
from playground.replay.ordered_rows import merged
from playground.replay.survey import Survey, surveys
from tests.playground.published_samples import SAMPLES

CRASHES = SAMPLES["crashes.csv"]
MAC_TWIN = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        com.apple.quarantine"


def zipped(path: Path, files: Mapping[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def packed(folder: Path, name: str, how: str) -> Path:
    text = SAMPLES[name].text
    match how:
        case "gzip":
            path = folder / f"{name}.gz"
            path.write_bytes(gzip.compress(text.encode()))
        case "zip":
            path = zipped(folder / f"{Path(name).stem}.zip", {name: text, f"__MACOSX/._{name}": MAC_TWIN})
        case _:
            path = folder / name
            path.write_text(text)
    return path


def surveyed(*paths: Path) -> list[Survey]:
    return [found for found in surveys(list(paths)) if isinstance(found, Survey)]


def unusable(*paths: Path) -> list[str]:
    return [str(found) for found in surveys(list(paths)) if isinstance(found, UnusableFile)]


def counts(found: list[Survey]) -> Mapping[str, int]:
    return Counter(row.feed for row in merged(found))

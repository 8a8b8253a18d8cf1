"""Find the files of a folder and of the zip archives in it, and open each as text, packed or not."""

import gzip
import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BufferedReader, TextIOWrapper
from pathlib import Path, PurePath
from typing import IO, TextIO, cast

TABLES = (".csv", ".psv")
SUFFIXES = (*TABLES, *(f"{suffix}.gz" for suffix in TABLES), ".zip")
GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK\x03\x04"
# What damage shows as; RuntimeError and NotImplementedError: an archive with a password, or packed in another way.
DAMAGE = (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError)


class UnusableFile(Exception):
    """A file of which nothing can be sent: which, and why."""


@dataclass(frozen=True)
class FoundFile:
    """A file, or one of a zip archive."""

    path: Path
    member: str | None = None

    def __str__(self) -> str:
        name = str(self.path) if self.member is None else f"{self.path}/{self.member}"
        # Whoever named it: no terminal has to obey it, or to show what is no character.
        return name if name.isprintable() else ascii(name)[1:-1]

    @contextmanager
    def text(self) -> Iterator[TextIO]:
        """Open it, unpacked. Raises: one of DAMAGE, also while it is read."""
        with ExitStack() as opened:
            content: IO[bytes] = opened.enter_context(self.path.open("rb"))
            if self.member is not None:
                content = opened.enter_context(zipfile.ZipFile(content)).open(self.member)
            start = cast(BufferedReader, content).peek(len(ZIP_MAGIC))
            if start.startswith(ZIP_MAGIC):
                raise zipfile.BadZipFile("an archive inside of another has to be unpacked")
            if start.startswith(GZIP_MAGIC):
                content = cast(IO[bytes], gzip.GzipFile(fileobj=content))
            # An invalid byte must not end the replay; utf-8-sig drops a spreadsheet's byte order mark.
            yield opened.enter_context(TextIOWrapper(content, "utf-8-sig", errors="replace", newline=""))

    def digest(self) -> bytes:
        """Hash its content, unpacked. Raises: one of DAMAGE."""
        with self.text() as text:
            return hashlib.file_digest(cast(BufferedReader, text.buffer), "sha256").digest()


def file_paths(paths: list[Path]) -> list[Path]:
    """Return the named files and the tables and archives in the named folders, each once. Raises: UnusableFile."""
    found: dict[Path, Path] = {}
    for path in paths:
        if not path.exists():
            raise UnusableFile(f"{path} does not exist. Give a folder with CSV files, or the files themselves.")
        if not (path.is_file() or path.is_dir()):
            raise UnusableFile(f"{path} is no file: a replay reads twice, what comes through a pipe is there once.")
        inside = (
            sorted(file for file in path.rglob("*") if _is_wanted(file) and file.is_file()) if path.is_dir() else [path]
        )
        found.update((file.resolve(), file) for file in inside)
    if not found:
        raise UnusableFile(f"No file in {', '.join(map(str, paths))} ends in {', '.join(SUFFIXES)}.")
    return list(found.values())


def files_in(path: Path) -> list[FoundFile]:
    """Return the file itself, or what is wanted in it where it is a zip archive. Raises: UnusableFile."""
    try:
        with path.open("rb") as start:
            if start.read(len(ZIP_MAGIC)) != ZIP_MAGIC:
                return [FoundFile(path)]
        with zipfile.ZipFile(path) as archive:
            files = [info.filename for info in archive.infolist() if not info.is_dir()]
    except DAMAGE as damage:
        raise UnusableFile(f"{FoundFile(path)} cannot be read: {damage}.") from None
    members = sorted(name for name in files if _is_wanted(PurePath(name)))
    if not members:
        raise UnusableFile(f"{FoundFile(path)} has no {' or '.join(TABLES)} file in it.")
    return [FoundFile(path, member) for member in members]


def _is_wanted(path: PurePath) -> bool:
    # macOS puts a twin without rows beside each file that it packs: __MACOSX/._trips.csv.
    is_twin = "__MACOSX" in path.parts or path.name.startswith("._")
    return path.name.lower().endswith(SUFFIXES) and not is_twin

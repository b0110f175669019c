"""Members of a data set's archive or folder, read in place: nothing is unpacked.

Standard library alone: the Snakefile imports this module to make the archive's digest at every start.
"""

import hashlib
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from pipeline.command import InputError

CLUTTER = {"Thumbs.db", "desktop.ini"}


class Member:
    """One file of the data set: its name (POSIX, relative), its size in bytes and the CRC-32 of its content."""

    def __init__(self, name, size, crc):
        self.name, self.size, self.crc = name, size, crc

    @property
    def path(self):
        return PurePosixPath(self.name.replace("\\", "/"))


class Folder:
    """A folder of files, any depth."""

    def __init__(self, path):
        self._path = Path(path)

    def members(self):
        files = sorted(file for file in self._path.rglob("*") if file.is_file())
        members = [Member(file.relative_to(self._path).as_posix(), file.stat().st_size, None) for file in files]
        members = _without_clutter(members)
        undecoded = [member.name for member in members if member.name.encode(errors="ignore").decode() != member.name]
        if undecoded:
            raise InputError(f"{self._path}: file names that are not UTF-8, to be renamed: {undecoded}")
        for member in members:
            member.crc = zlib.crc32(self.read(member))
        return members

    def read(self, member):
        return (self._path / member.name).read_bytes()


class Zip:
    """A zip file; member names that lead out of it are refused, though nothing is ever written under such a name."""

    def __init__(self, path):
        try:
            self._zip = zipfile.ZipFile(path)
        except zipfile.BadZipFile:
            with open(path, "rb") as file:
                truncated = file.read(4) == b"PK\x03\x04"
            if truncated:
                raise InputError(
                    f"{path}: this zip file is truncated (its table of contents at the end is missing); "
                    "download or copy it again"
                ) from None
            raise InputError(
                f"{path}: not an archive; expected a zip file or a folder with train/, val/ and test/ inside"
            ) from None
        for info in self._zip.infolist():
            name = PurePosixPath(info.filename.replace("\\", "/"))
            if name.is_absolute() or ".." in name.parts or name.parts and name.parts[0].endswith(":"):
                raise InputError(
                    f"{path}: member {info.filename!r} has an absolute name or one with '..'; "
                    "such an archive is refused: make it anew from the folder with the images"
                )

    def members(self):
        files = [info for info in self._zip.infolist() if not info.is_dir()]
        return _without_clutter([Member(info.filename, info.file_size, info.CRC) for info in files])

    def read(self, member):
        return self._zip.read(member.name)


def open_source(path):
    """The data set at `path`.

    Raises:
        InputError: nothing there, not an archive, truncated, or with member names that lead out of it.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(missing(path))
    return Folder(path) if path.is_dir() else Zip(path)


def missing(path):
    """What to tell a user whose data set is not at `path`: where one can come from."""
    return (
        f"dataset.path: no data at {path}. It can come from "
        "(1) the course: covid_xray.zip with {train,val,test}/{covid,normal}/ inside, named by "
        "`make report DATA=path/to/covid_xray.zip` or put at data/covid_xray.zip; "
        "(2) the COVID-19 Radiography Database's own download, arranged in the same folders; "
        "(3) no data at all: `make demo` shows the whole build on generated phantoms."
    )


def digest(path):
    """SHA-256 of the sorted member list (names, sizes, CRCs): equal content, equal digest, whatever the time stamps."""
    members = sorted(open_source(path).members(), key=lambda member: member.name)
    listing = "\n".join(f"{member.name}\t{member.size}\t{member.crc}" for member in members)
    return hashlib.sha256(listing.encode()).hexdigest()


def _without_clutter(members):
    """Without what file managers leave behind: hidden files, __MACOSX/, Thumbs.db, desktop.ini."""

    def is_clutter(path):
        return path.name in CLUTTER or any(part.startswith(".") or part == "__MACOSX" for part in path.parts)

    return [member for member in members if not is_clutter(member.path)]

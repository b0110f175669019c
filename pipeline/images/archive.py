"""Members of a data set's archive or folder, read in place: nothing is unpacked.

Standard library alone: the Snakefile imports this module to make the archive's digest at every start.
"""

import hashlib
import lzma
import os
import tarfile
import zipfile
import zlib
from collections import Counter
from pathlib import Path, PurePosixPath

from pipeline.command import InputError

CLUTTER = {"Thumbs.db", "desktop.ini"}


class Member:
    """One file of the data set: its name (POSIX, relative) and its size in bytes."""

    def __init__(self, name, size):
        self.name, self.size = name, size

    @property
    def path(self):
        return PurePosixPath(self.name.replace("\\", "/"))


class Folder:
    """A folder of files, any depth."""

    def __init__(self, path):
        self._path = Path(path)

    def members(self):
        members = [Member(file.relative_to(self._path).as_posix(), file.stat().st_size) for file in self._files()]
        members = _without_clutter(members)
        undecoded = [member.name for member in members if member.name.encode(errors="ignore").decode() != member.name]
        if undecoded:
            raise InputError(f"{self._path}: file names that are not UTF-8, to be renamed: {undecoded}")
        return members

    def _files(self):
        """All files, those behind links too, sorted."""
        files = []
        for folder, folders, names in os.walk(self._path, followlinks=True):
            here = Path(folder)
            # A link to a folder around it would lead round and round.
            folders[:] = [name for name in folders if not here.resolve().is_relative_to((here / name).resolve())]
            files += [here / name for name in names if (here / name).is_file()]
        return sorted(files)

    def read(self, member):
        return (self._path / member.name).read_bytes()

    def content(self):
        return _listing((member.name, member.size, zlib.crc32(self.read(member))) for member in self.members())


class Zip:
    """A zip file; member names that lead out of it are refused, though nothing is ever written under such a name."""

    def __init__(self, path):
        try:
            self._zip = zipfile.ZipFile(path)
        except zipfile.BadZipFile:
            raise InputError(
                f"{path}: this zip file is truncated (its table of contents at the end is missing); "
                "download or copy it again"
            ) from None
        _refuse_names(path, self._zip.namelist())

    def members(self):
        return _without_clutter([Member(info.filename, info.file_size) for info in self._files()])

    def read(self, member):
        return self._zip.read(member.name)

    def content(self):
        kept = {member.name for member in self.members()}
        return _listing((info.filename, info.file_size, info.CRC) for info in self._files() if info.filename in kept)

    def _files(self):
        return [info for info in self._zip.infolist() if not info.is_dir()]


class Tar:
    """A tar file, compressed or not. Reading members in their order passes through it once; going back starts over."""

    def __init__(self, path):
        self._path, self._tar = path, tarfile.open(path)

    def members(self):
        try:
            files = [info for info in self._tar if info.isfile()]
            # tarfile takes a file that stops between two members for a whole one.
            self._tar.fileobj.seek(self._tar.offset)
            whole = len(self._tar.fileobj.read(tarfile.BLOCKSIZE)) == tarfile.BLOCKSIZE
        except (tarfile.ReadError, EOFError, OSError, zlib.error, lzma.LZMAError):
            whole = False
        if not whole:
            raise InputError(f"{self._path}: this tar file is truncated or damaged; download or copy it again")
        _refuse_names(self._path, [info.name for info in files])
        self._infos = {info.name: info for info in files}
        return _without_clutter([Member(info.name, info.size) for info in files])

    def read(self, member):
        return self._tar.extractfile(self._infos[member.name]).read()

    def content(self):
        # A tar file has no table of contents; its bytes are read faster than they are decompressed.
        with open(self._path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def open_source(path):
    """The data set at `path`: what gives its members and reads them.

    Raises:
        InputError: nothing there, not an archive, truncated, or with member names that lead out of it.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(missing(path))
    if path.is_dir():
        return Folder(path)
    try:
        with open(path, "rb") as file:
            started_as_zip = file.read(4) == b"PK\x03\x04"
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; expected an archive that can be read: change its rights") from None
    if tarfile.is_tarfile(path):
        return Tar(path)
    if started_as_zip or zipfile.is_zipfile(path):
        return Zip(path)
    raise InputError(
        f"{path}: not an archive; expected a zip file, a tar file or a folder, with train/, val/ and test/ "
        "or the classes' folders inside"
    )


def missing(path):
    """What to tell a user whose data set is not at `path`: where one can come from."""
    return (
        f"dataset.path: no data at {path.absolute()}. It can come from "
        "(1) the course: covid_xray.zip with {train,val,test}/{covid,normal}/ inside, named by "
        "`make report DATA=path/to/covid_xray.zip` or put at data/covid_xray.zip; "
        "(2) the COVID-19 Radiography Database's own download, as it is; "
        "(3) no data at all: `make demo` shows the whole build on generated phantoms."
    )


def digest(path):
    """SHA-256 of the content, whatever the time stamps: of the sorted member list (names, sizes, CRCs) of a zip file or
    folder, of the bytes of a tar file."""
    return hashlib.sha256(open_source(path).content().encode()).hexdigest()


def _listing(entries):
    return "\n".join("\t".join(map(str, entry)) for entry in sorted(entries))


def _refuse_names(path, names):
    for given in names:
        name = PurePosixPath(given.replace("\\", "/"))
        if name.is_absolute() or ".." in name.parts or name.parts and name.parts[0].endswith(":"):
            raise InputError(
                f"{path}: member {given!r} has an absolute name or one with '..'; "
                "such an archive is refused: make it anew from the folder with the images"
            )
    twice = [name for name, times in Counter(names).items() if times > 1 and not name.endswith("/")]
    if twice:
        raise InputError(f"{path}: {len(twice)} member(s) are there twice (the first: {twice[0]!r}); make it anew")


def _without_clutter(members):
    """Without what file managers leave behind: hidden files, __MACOSX/, Thumbs.db, desktop.ini."""

    def is_clutter(path):
        return path.name in CLUTTER or any(part.startswith(".") or part == "__MACOSX" for part in path.parts)

    return [member for member in members if not is_clutter(member.path)]

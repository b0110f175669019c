"""Members of a data set's archive or folder, read in place: nothing is unpacked.

Standard library alone: the Snakefile imports this module to make the archive's digest at every start.
"""

import hashlib
import lzma
import os
import re
import stat
import tarfile
import zipfile
import zlib
from collections import Counter
from functools import partial
from pathlib import Path, PurePosixPath

from pipeline.command import InputError
from pipeline.images import kinds

CLUTTER = {"thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r"}
CLUTTER_FOLDERS = {"__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found"}
# Alternate streams of Windows' file system, which some programs copy as files.
STREAM = re.compile(r":(zone\.identifier|encryptable|smartscreen|com\.dropbox\.attr\w+|afp_\w+)$", re.IGNORECASE)
IMAGES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".pgm", ".jp2"}
ZIP_STARTS = (b"PK\x03\x04", b"PK\x07\x08")  # the second begins the first of several parts
ENCRYPTED, UTF_8 = 0x1, 0x800  # flags of a zip file's member
LINKS_FOLLOWED = 40  # one after the other, as Linux does
DEMO = Path(__file__).parents[2] / "config/demo.yaml"  # of `make demo`


class ReadError(Exception):
    """Why a member cannot be read, in words that are the same for all members with that cause."""


class Member:
    """One file of the data set: its name (POSIX, relative, printable) and its size in bytes."""

    def __init__(self, name, size):
        self.name, self.size = name, size

    @property
    def path(self):
        return PurePosixPath(self.name.replace("\\", "/"))


class Folder:
    """A folder of files, any depth. What cannot be read is a member too, and refused when it is read."""

    def __init__(self, path):
        self._path, self._places = Path(path), {}

    def members(self):
        places = self._files()
        names = [_printable(place.relative_to(self._path).as_posix()) for place in places]
        _refuse_twice(self._path, names)
        self._places = dict(zip(names, places, strict=True))
        return _without_clutter([Member(name, _size(place)) for name, place in self._places.items()])

    def _files(self):
        """All files, those behind links too, sorted; links to nothing, and folders that cannot be listed."""
        files, unlisted = [], []
        for folder, folders, names in os.walk(self._path, followlinks=True, onerror=unlisted.append):
            here = Path(folder)
            # A link to a folder around it, or around one that led here, would lead round and round.
            around = [above.resolve() for above in (here, *here.parents) if above.is_relative_to(self._path)]
            folders[:] = [
                name for name in folders if not any(above.is_relative_to((here / name).resolve()) for above in around)
            ]
            files += [here / name for name in names]
        return sorted([*files, *(Path(error.filename) for error in unlisted)])

    def read(self, member):
        place = self._places[member.name]
        try:
            if place.is_file():
                return place.read_bytes()
            if place.is_symlink() and not place.exists():
                raise ReadError("a link to a file that is not there (with git-annex or DVC, fetch the files first)")
            if place.is_dir():
                os.listdir(place)
        except OSError as error:
            raise ReadError(f"cannot be read: {error.strerror}") from None
        raise ReadError("neither a file nor a folder")

    def content(self):
        return _listing((member.name, member.size, self._crc(member)) for member in self.members())

    def _crc(self, member):
        try:
            return zlib.crc32(self.read(member))
        except ReadError as error:
            return error


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
        except NotImplementedError as error:
            raise InputError(f"{path}: Python cannot read this {error}; unpack it and name the folder") from None
        infos = [info for info in self._zip.infolist() if not info.is_dir() and not info.filename.endswith("\\")]
        names = [_decoded(info) for info in infos]
        _refuse_names(path, names)
        self._infos = dict(zip(names, infos, strict=True))
        links = {name: info for name, info in self._infos.items() if _is_link(info)}
        if links:
            try:
                targets = {name: os.fsdecode(self._zip.read(info)) for name, info in links.items()}
            except Exception:  # each kind of damage raises a type of its own
                raise InputError(f"{path}: damaged, a link in it cannot be read; copy or download it again") from None
            targets = {name: PurePosixPath(name).parent / target for name, target in targets.items()}
            self._infos = _with_links(path, self._infos, targets)

    def members(self):
        return _without_clutter([Member(name, info.file_size if info else 0) for name, info in self._infos.items()])

    def read(self, member):
        info = self._infos[member.name]
        if info is None:
            raise ReadError("a link to a file that the archive does not have")
        if info.flag_bits & ENCRYPTED:
            raise ReadError("encrypted (recreate the archive without a password)")
        try:
            return self._zip.read(info)
        except NotImplementedError:
            method = zipfile.compressor_names.get(info.compress_type, info.compress_type)
            raise ReadError(f"compressed by a method that Python cannot read: {method} (unpack the archive)") from None
        except Exception:  # each kind of damage raises a type of its own
            raise ReadError("damaged in the archive (copy or download it again)") from None

    def content(self):
        found = ((member, self._infos[member.name]) for member in self.members())
        return _listing((member.name, member.size, info.CRC if info else None) for member, info in found)


class Tar:
    """A tar file, compressed or not. Reading members in their order passes through it once; going back starts over."""

    def __init__(self, path):
        self._path, self._tar, self._infos = path, tarfile.open(path), {}
        self._last = None, b""

    def members(self):
        try:
            infos = [info for info in self._tar if not info.isdir()]
            whole = self._ends_whole()
        except (tarfile.ReadError, EOFError, OSError, zlib.error, lzma.LZMAError):
            whole = False
        if not whole:
            raise InputError(
                f"{self._path}: this tar file is truncated or damaged, or several in one; download or copy it again"
            )
        names = [_printable(info.name) for info in infos]
        _refuse_names(self._path, names)
        self._infos = dict(zip(names, infos, strict=True))
        # A symbolic link is relative to its folder, a hard link to the archive.
        symbolic = {
            name: PurePosixPath(name).parent / _printable(i.linkname) for name, i in self._infos.items() if i.issym()
        }
        hard = {name: PurePosixPath(_printable(i.linkname)) for name, i in self._infos.items() if i.islnk()}
        if links := symbolic | hard:
            self._infos = _with_links(self._path, self._infos, links)
        ordered = sorted(self._infos.items(), key=lambda item: item[1].offset_data if item[1] else 0)
        return _without_clutter([Member(name, info.size if info else 0) for name, info in ordered])

    def _ends_whole(self):
        """Whether nothing but empty blocks follows what was read: tarfile stops without a word at a damaged header."""
        self._tar.fileobj.seek(self._tar.offset)
        blocks = list(iter(partial(self._tar.fileobj.read, tarfile.RECORDSIZE), b""))
        return sum(map(len, blocks)) >= tarfile.BLOCKSIZE and not any(map(any, blocks))

    def read(self, member):
        info = self._infos[member.name]
        if info is None:
            raise ReadError("a link to a file that the archive does not have")
        if not info.isfile():
            raise ReadError("neither a file nor a folder")
        try:
            # Links to a file come behind it, and going back in a compressed archive starts over.
            if self._last[0] is not info:
                self._last = info, self._tar.extractfile(info).read()
            return self._last[1]
        except Exception:  # each kind of damage raises a type of its own
            raise ReadError("damaged in the archive (copy or download it again)") from None

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
            head = file.read(kinds.HEAD)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; expected read permission: change its permissions") from None
    if part := _part(path, head):
        raise InputError(
            f"{path}: {part} of an archive in several parts; expected a whole one: unpack it and name the folder, or "
            f"join it (`zip -s 0 {path.name} --out whole.zip`; of parts .001, .002: `cat {path.stem}.0* > {path.stem}`)"
        )
    if tarfile.is_tarfile(path):
        return Tar(path)
    if head.startswith(ZIP_STARTS) or zipfile.is_zipfile(path):
        return Zip(path)
    known = kinds.kind(head)
    raise InputError(
        f"{path}: not an archive{f', but {known}' if known else ''}; expected a zip file, a tar file or a folder, with "
        "train/, val/ and test/ or the classes' folders inside"
    )


def missing(path):
    """What to tell a user whose data set is not at `path`: where one can come from."""
    places = [
        "(1) the course: covid_xray.zip with {train,val,test}/{covid,normal}/ inside, named by "
        "`make report DATA=path/to/covid_xray.zip` or put at data/covid_xray.zip",
        "(2) the COVID-19 Radiography Database's own download, as it is",
    ]
    if DEMO.exists():  # it is not handed in
        places.append("(3) no data at all: `make demo` shows the whole build on generated phantoms")
    return f"dataset.path: no data at {path.absolute()}. It can come from {'; '.join(places)}."


def digest(path):
    """SHA-256 of the content, whatever the time stamps: of the sorted member list (names, sizes, CRCs) of a zip file or
    folder, of the bytes of a tar file."""
    return hashlib.sha256(open_source(path).content().encode()).hexdigest()


def _listing(entries):
    return "\n".join("\t".join(map(str, entry)) for entry in sorted(entries))


def _printable(name):
    """A file's name as text that every program can write: bytes that are not UTF-8 become %E9 and so on."""
    return re.sub("[\udc80-\udcff]", lambda found: f"%{ord(found[0]) - 0xDC00:02X}", name)


def _decoded(info):
    """Name of a member of a zip file: UTF-8, also where the flag that says so is missing, or else code page 437.

    In the latter a backslash may be the second byte of a Japanese or Chinese letter. It separates folders only where no
    slash does.
    """
    name = info.filename
    if info.flag_bits & UTF_8 or name.isascii():
        return name
    try:
        return name.encode("cp437").decode()
    except UnicodeError:
        return name.replace("\\", "%5C") if "/" in name else name


def _is_link(info):
    """Whether a member of a zip file is a symbolic link, whose content is the target's path."""
    return stat.S_ISLNK(info.external_attr >> 16) and not info.flag_bits & ENCRYPTED


def _size(place):
    try:
        return place.stat().st_size
    except OSError:
        return 0


def _part(path, head):
    """Which part of an archive in several parts this is, in words; None for a whole one."""
    if head.startswith(ZIP_STARTS[1]) or re.fullmatch(r"\.(\d{3}|z\d\d)", path.suffix):
        return "a part"
    if not zipfile.is_zipfile(path):
        return None
    with open(path, "rb") as file:
        file.seek(-min(65_557, file.seek(0, os.SEEK_END)), os.SEEK_END)
        end = file.read()
    record = end.rfind(b"PK\x05\x06")
    number = int.from_bytes(end[record + 4 : record + 6], "little")
    return f"the last part, number {number + 1}," if 0 < number < 0xFFFF else None


def _with_links(path, infos, links):
    """The members of an archive with its links followed: {name: member}, None for a link to nothing.

    Args:
        infos: {name: member}. links: {name: PurePosixPath of the target from the archive's root}.
    """
    root = {}
    for name in infos:
        *folders, last = PurePosixPath(name.replace("\\", "/")).parts
        node = root
        for folder in folders:
            node = node.setdefault(folder, {}) if isinstance(node, dict) else node
        if not isinstance(node, dict) or last in node:
            raise InputError(f"{path}: a file or link and a folder have the same name: {name!r}; recreate the archive")
        node[last] = links.get(name, name)

    def find(target, left=LINKS_FOLLOWED):
        node = root
        for part in PurePosixPath(os.path.normpath(target)).parts:
            node = node.get(part) if isinstance(node, dict) else None
            if isinstance(node, PurePosixPath):
                node = find(node, left - 1) if left else None
        return node

    def below(folder, name, around):
        for part, node in folder.items():
            node = find(node) if isinstance(node, PurePosixPath) else node
            if not isinstance(node, dict):
                yield f"{name}{part}", node
            # A link to a folder around it would lead round and round.
            elif not any(node is each for each in around):
                yield from below(node, f"{name}{part}/", [*around, node])

    return {name: infos.get(file) for name, file in below(root, "", [root])}


def _refuse_names(path, names):
    for given in names:
        name = PurePosixPath(given.replace("\\", "/"))
        if name.is_absolute() or ".." in name.parts or name.parts and name.parts[0].endswith(":"):
            raise InputError(
                f"{path}: member {given!r} has an absolute name or one with '..'; "
                "such an archive is refused: recreate it from the folder with the images"
            )
    _refuse_twice(path, names)


def _refuse_twice(path, names):
    twice = [name for name, times in Counter(str(PurePosixPath(name)) for name in names).items() if times > 1]
    if twice:
        raise InputError(
            f"{path}: {len(twice)} member(s) are there twice (the first: {twice[0]!r}); recreate the archive"
        )


def _without_clutter(members):
    """Without what file managers leave behind: hidden files and folders, thumbnails, settings, alternate streams.

    A hidden image is no clutter.
    """

    def is_clutter(path):
        *folders, name = map(str.lower, path.parts)
        hidden = name.startswith("._") or (name.startswith(".") and path.suffix.lower() not in IMAGES)
        return (
            hidden
            or name in CLUTTER
            or STREAM.search(name)
            or any(folder.startswith(".") or folder in CLUTTER_FOLDERS for folder in folders)
        )

    return [member for member in members if not is_clutter(member.path)]

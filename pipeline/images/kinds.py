"""What a file is that is neither an image nor an archive, by its first bytes: pointers, other formats, web pages."""

SIGNATURES = [  # where in the file, its bytes there, what that is and what to do
    (0, b"version https://git-lfs", "a Git LFS pointer instead of the file (run `git lfs pull`)"),
    (0, b"/annex/objects/", "a git-annex pointer instead of the file (run `git annex get`)"),
    (128, b"DICM", "a DICOM file (convert it to PNG, 8 or 16 bits)"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive (unpack it)"),
    (0, b"Rar!", "a RAR archive (unpack it)"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive (unpack it)"),
    (0, b"PK\x03\x04", "a zip file (unpack it)"),
    (0, b"\x1f\x8b", "a gzip file (unpack it)"),
    (0, b"%PDF", "a PDF file"),
    (0, b"II*\0", "a TIFF file with a pixel format that Pillow cannot read"),
    (0, b"MM\0*", "a TIFF file with a pixel format that Pillow cannot read"),
]
HEAD = 512  # bytes that `kind` needs


def kind(head):
    """What the file with these first bytes is, as a noun phrase, or None where that is not known."""
    if not head:
        return "an empty file"
    for place, signature, name in SIGNATURES:
        if head[place:].startswith(signature):
            return name
    if head.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")):
        return "a web page instead of the file (the download may need a login)"
    return None

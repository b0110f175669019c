"""LaTeX, run so that equal sources give equal bytes, and its errors in two lines."""

import os
import re
import subprocess

from pipeline.command import InputError

# No file but the build's decides how TeX runs (-norc), and no text can start a program (-no-shell-escape).
LATEXMK = [
    "latexmk",
    "-norc",
    "-pdf",
    "-bibtex",
    "-pdflatex=pdflatex -no-shell-escape -interaction=nonstopmode -halt-on-error -file-line-error %O %S",
]
UNRESOLVED = re.compile(
    r"^(?:LaTeX|Package natbib) Warning: ((?:Reference|Citation) .+? undefined|Label .+? multiply defined)",
    re.MULTILINE,
)
OVERFULL = re.compile(
    r"^Overfull \\[hv]box \(([\d.]+)pt too (?:wide|high)\) (.+)|\(\./(sections/\S+?\.tex)", re.MULTILINE
)


def typeset(source, epoch):
    """Run latexmk on `source` (.tex) in its folder.

    Args:
        epoch: what TeX takes for the time, in seconds since 1970.

    Returns:
        path of the PDF.

    Raises:
        InputError: no latexmk; TeX or BibTeX failed: the first error, with the template and its line.
    """
    # Lines of the log are not to be broken at 79 characters.
    fixed = {"SOURCE_DATE_EPOCH": str(epoch), "FORCE_SOURCE_DATE": "1", "TZ": "UTC", "max_print_line": "1000"}
    try:
        done = subprocess.run(
            [*LATEXMK, source.name],
            cwd=source.parent,
            env=os.environ | fixed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
        )
    except FileNotFoundError:
        raise InputError(
            "latexmk is not installed; on Debian and Ubuntu: apt-get install latexmk texlive-latex-extra "
            "texlive-fonts-recommended texlive-science"
        ) from None
    if done.returncode:
        raise InputError(f"LaTeX failed: {first_error(source, done.stdout)}")
    return source.with_suffix(".pdf")


def labels(source):
    """{label: (number of what it labels, page)} of the article typeset from `source`, as LaTeX wrote them down."""
    found = re.findall(r"^\\newlabel\{(.+?)\}\{\{(.*?)\}\{(.*?)\}", _read(source.with_suffix(".aux")), re.MULTILINE)
    return {label: (number, page) for label, number, page in found}


def unresolved(source):
    """References and citations that point nowhere, and labels given twice, as the log has them."""
    return list(dict.fromkeys(UNRESOLVED.findall(_read(source.with_suffix(".log")))))


def overfull(source):
    """(points, place) of every overfull box of the log: its line in the templates, or the section and what TeX says."""
    boxes, section = [], source.name
    for points, place, opened in OVERFULL.findall(_read(source.with_suffix(".log"))):
        section = opened or section
        if points:
            line = re.search(r"at lines? (\d+)", place)
            where = _template(source.parent / section, int(line[1])) if line else f"{section} {place}"
            boxes.append((float(points), where))
    return boxes


def pages(source):
    """The number of pages, from the log."""
    written = re.search(r"^Output written on .+ \((\d+) pages?", _read(source.with_suffix(".log")), re.MULTILINE)
    return int(written[1]) if written else 0


def first_error(source, output):
    """The first error of TeX or BibTeX with its place in the templates; failing that, the end of latexmk's output."""
    lines = _read(source.with_suffix(".log")).splitlines()
    for place, line in enumerate(lines):
        error = re.match(r"(?:\./)?(\S.*?):(\d+): (.+)", line)
        if error:
            # TeX shows where in the line it stopped: l.12 ...
            context = next((near for near in lines[place + 1 : place + 12] if near.startswith(f"l.{error[2]}")), "")
            return f"{_template(source.parent / error[1], int(error[2]))}: {error[3]}\n{context}".rstrip()
        if line.startswith("!"):
            return f"{source}: {line.strip('! ')}"
    for line in _read(source.with_suffix(".blg")).splitlines():
        if "---" in line or line.startswith("I couldn't"):
            return f"BibTeX: {line} (log: {source.with_suffix('.blg')})"
    return "\n".join(output.splitlines()[-5:])


def _template(file, line):
    """FILE:LINE of the template from which `line` of the TeX `file` comes; what is no template's stands for itself."""
    places = _read(file.with_name(f"{file.name}.lines")).splitlines()
    return places[line - 1] if line <= len(places) else f"{file}:{line}"


def _read(file):
    return file.read_text(errors="replace") if file.exists() else ""

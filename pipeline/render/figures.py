"""Figures of the run, by their names: those of the article, and those of its supplement."""

import os

from pipeline.command import InputError
from pipeline.render.escape import Tex


class Figures:
    r"""Gives, for "STAGE/NAME", the path by which \includegraphics finds figures/STAGE/NAME.pdf from `build`.

    What the article does not show is its supplement: it links to every figure of that, and to tables where it likes.

    Args:
        files: .pdf files of the run.
        tables: .csv files of the run.
        build: folder in which LaTeX runs.
        moved: names of figures that the article has no room for.
    """

    def __init__(self, files, tables, build, moved=()):
        self.files = {f"{file.parent.name}/{file.stem}": file for file in files}
        self.known = {"/".join(file.parts[-3:]) for file in [*files, *tables]}
        self.build, self.moved = build, moved
        self.shown, self.linked = set(), set()

    def __call__(self, name):
        """
        Raises:
            InputError: there is no such figure.
        """
        if name not in self.files:
            raise InputError(f"figure {name!r}: no rule makes it; known: {', '.join(sorted(self.files))}")
        self.shown.add(name)
        return Tex(os.path.relpath(self.files[name], self.build))

    def __contains__(self, name):
        """Whether the article has room for it."""
        return name in self.files and name not in self.moved

    def link(self, file):
        r"""A link to `file` of the supplement, for example "figures/tune/transfer.pdf".

        Raises:
            InputError: there is no such file.
        """
        if file not in self.known:
            raise InputError(f"{file!r}: no rule makes it; expected figures/STAGE/NAME.pdf or tables/STAGE/NAME.csv")
        self.linked.add(file)
        return Tex(rf"\supplement{{{file}}}")

    def see(self, name, label):
        r"""A reference to the figure: \cref to its `label` in the article, else a link to the supplement."""
        return Tex(rf"\cref{{{label}}}") if name in self else self.link(f"figures/{name}.pdf")

    def unused(self):
        """The names of figures that are neither shown nor linked."""
        linked = {file.removeprefix("figures/").removesuffix(".pdf") for file in self.linked}
        return sorted(self.files.keys() - self.shown - linked)

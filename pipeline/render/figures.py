"""Figures of the run, by their names: those of the article, and those of its supplement."""

import os

from pipeline.command import InputError
from pipeline.render.escape import Tex


class Figures:
    r"""Gives, for "STAGE/NAME", the path by which \includegraphics finds figures/STAGE/NAME.pdf from `build`.

    Args:
        files: .pdf files.
        supplement: figures and tables that the article can only link to.
        build: folder in which LaTeX runs.
    """

    def __init__(self, files, supplement, build):
        self.files = {f"{file.parent.name}/{file.stem}": file for file in files}
        self.supplement, self.build = {"/".join(file.parts[-3:]) for file in supplement}, build
        self.used, self.linked = set(), set()

    def __call__(self, name):
        """
        Raises:
            InputError: the figure is not an input of the rule.
        """
        if name not in self.files:
            raise InputError(
                f"figure {name!r} is not an input of the rule report; known: {', '.join(sorted(self.files))} "
                "(workflow/rules/report.smk lists them)"
            )
        self.used.add(name)
        return Tex(os.path.relpath(self.files[name], self.build))

    def __contains__(self, name):
        return name in self.files

    def link(self, file):
        r"""A link to `file` of the supplement, for example "figures/tune/transfer.pdf".

        Raises:
            InputError: the supplement has no such file.
        """
        if file not in self.supplement:
            raise InputError(f"{file!r} is not in the supplement (workflow/rules/report.smk lists what is)")
        self.linked.add(file)
        return Tex(rf"\supplement{{{file}}}")

    def see(self, name, label):
        r"""A reference to the figure: \cref to its `label` in the article, else a link to the supplement."""
        return Tex(rf"\cref{{{label}}}") if name in self else self.link(f"figures/{name}.pdf")

    def unused(self):
        """What no template asked for: names of figures, and files of figures in the supplement."""
        unlinked = {file for file in self.supplement - self.linked if file.startswith("figures/")}
        return [*(name for name in self.files if name not in self.used), *sorted(unlinked)]

"""Figures of the run, by their names."""

import os

from pipeline.command import InputError
from pipeline.render.escape import Tex


class Figures:
    r"""Gives, for "STAGE/NAME", the path by which \includegraphics finds figures/STAGE/NAME.pdf from `build`.

    Args:
        files: .pdf files.
        rules: {file: name of the rule that makes it}.
    """

    def __init__(self, files, rules, build):
        self.files = {f"{file.parent.name}/{file.stem}": file for file in files}
        self.rules, self.build, self.used = rules, build, set()

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
        return self._path(name)

    def made(self):
        r"""(path, rule) of each, for \madeby."""
        return [(self._path(name), self.rules[str(file)]) for name, file in self.files.items()]

    def _path(self, name):
        return Tex(os.path.relpath(self.files[name], self.build))

    def unused(self):
        """The names of the figures that no template asked for."""
        return [name for name in self.files if name not in self.used]

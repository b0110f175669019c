r"""The templates' language: Jinja with \VAR{...}, \BLOCK{...} and \#{comments}; nothing is typeset by accident.

A text is escaped; a number must pass a filter of pipeline.render.filters; an unknown name is an error. Of each line of
the TeX source it is recorded from which line of which template it comes.
"""

import functools
import re
import traceback

import jinja2
from jinja2.ext import Extension
from jinja2.lexer import Token

from pipeline.command import InputError
from pipeline.render import filters
from pipeline.render.escape import Tex

# Two characters that no text can hold (pipeline.render.escape), around FILE:LINE.
MARK = re.compile("\ue000(.*?)\ue001")


class Lines(Extension):
    """Marks each line of a template's own text with the template's file and the line, until it is written."""

    def filter_stream(self, stream):
        for token in stream:
            # A template that was not loaded from a file is only looked at.
            if token.type == "data" and stream.filename:
                lines = enumerate(token.value.split("\n"), start=token.lineno)
                # What is empty here may be followed, in the same line of TeX, by text from further down.
                text = "\n".join(line and f"\ue000{stream.filename}:{number}\ue001{line}" for number, line in lines)
                token = Token(token.lineno, "data", text)
            yield token


def unmarked(text):
    return MARK.sub("", text)


class TemplateError(InputError):
    """An error in a template; the message begins with its file and line."""


def create(folder, build, **names):
    r"""The environment of the templates below `folder`.

    Templates see `names`, the filters, and `section("NAME")`, which renders sections/NAME.tex.j2 into the folder
    `build` and gives the \input of it, so that an error of TeX names the section and its line.
    """
    environment = jinja2.Environment(
        block_start_string=r"\BLOCK{",
        block_end_string="}",
        variable_start_string=r"\VAR{",
        variable_end_string="}",
        comment_start_string=r"\#{",
        comment_end_string="}",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FileSystemLoader(folder),
        extensions=[Lines],
        finalize=filters.text,
    )
    for filter in filters.ALL:
        environment.filters[filter.__name__] = filter

    def section(name):
        write(environment, f"sections/{name}.tex.j2", build)
        return Tex(rf"\input{{sections/{name}}}")

    environment.globals |= names | {"section": section}
    return environment


def parsed(folder):
    """{name: syntax tree} of the templates below `folder`, in the order of their names (sections/NAME.tex.j2)."""
    files = sorted(folder.rglob("*.tex.j2"))
    return {str(file.relative_to(folder)): parse(file.read_text()) for file in files}


@functools.cache
def parse(text):
    """The syntax tree of a template: not to be changed, as it is made once for a text."""
    return create(folder=".", build=None).parse(text)


def write(environment, name, build):
    """Render the template `name` (.tex.j2) to the file without .j2 in the folder `build`.

    Beside it, with .lines added to its name, lies a file with the place in the templates (FILE:LINE) of each line.

    Raises:
        TemplateError: with the template's file and line.
    """
    try:
        text = environment.get_template(name).render()
    except TemplateError:
        raise
    except (InputError, TypeError, jinja2.TemplateError) as error:
        raise TemplateError(f"{_place(error) or name}: {error}") from error
    file = build / name.removesuffix(".j2")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(unmarked(text))
    places = [""]
    for line in text.split("\n"):
        places.append(next(iter(MARK.findall(line)), places[-1]))
    file.with_name(f"{file.name}.lines").write_text("\n".join(places[1:]))


def _place(error):
    """FILE:LINE of the innermost template in which `error` arose."""
    if isinstance(error, jinja2.TemplateSyntaxError):
        return f"{error.filename}:{error.lineno}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(".j2")]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""

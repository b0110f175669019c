"""What the build adds to what it calls: python -m tests.benchmarks.build BUILD [OPTION ...]

OPTIONs are those with which the finished build BUILD was made, such as --configfile config/quick.yaml.

  The report alone, after an edit of one sentence, from tables and figures, against plain latexmk on the TeX that the
  build wrote: from the beginning, as the build does it too, and after the same edit, with the files of the run before.
  Goal: at most 3 times latexmk.

  BUILD again, with nothing to do, against an empty Snakefile. Goal: at most 1.5 times.

The report is made in a copy; the results in BUILD stay as they are.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks import common

TURNS = 5
EDIT = "\nA sentence more.\n"
CHECKOUT = ["Snakefile", "config", "pipeline", "report", "workflow"]


def main():
    options, snakemake_options = common.parser(__doc__).parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        report(options.build, snakemake_options, Path(folder))
        nothing_to_do(options.build, snakemake_options, Path(folder))


def report(build, options, folder):
    checkout, copy, tex = folder / "checkout", folder / "copy", folder / "tex/results/report"
    for name in CHECKOUT:
        take = shutil.copytree if (common.ROOT / name).is_dir() else shutil.copyfile
        checkout.mkdir(exist_ok=True)
        take(common.ROOT / name, checkout / name)
    for name in ("tables", "figures"):
        shutil.copytree(build / name, copy / name)
    shutil.copytree(build / "figures", folder / "tex/figures")
    shutil.copytree(build / "results/report", tex)
    latexmk = ["latexmk", "-pdf", "-interaction=nonstopmode", "article.tex"]

    def snakemake():
        append(checkout / "report/sections/introduction.tex.j2")
        # No other rule: where BUILD is older than the checkout and lacks a table, that is an error and no new build.
        only = ["report", "--allowed-rules", "report"]
        run([*command(checkout / "Snakefile", copy), *only, *options], common.ROOT)

    def from_the_beginning():
        run(["latexmk", "-C", "article.tex"], tex)
        return common.seconds(lambda: run(latexmk, tex))

    def after_an_edit():
        append(tex / "sections/introduction.tex")
        return common.seconds(lambda: run(latexmk, tex))

    alternatives = {
        "latexmk": from_the_beginning,
        "latexmk after an edit": after_an_edit,
        "snakemake report": lambda: common.seconds(snakemake),
    }
    common.print_table(common.in_turns(alternatives, TURNS), "seconds")


def nothing_to_do(build, options, folder):
    again = [*command(common.ROOT / "Snakefile", build), *options]
    if "Nothing to be done" not in run([*again, "--dry-run"], common.ROOT):
        sys.exit(f"{build}: something to be done; give the options with which it was made, or build it again")
    empty = folder / "Snakefile"
    empty.touch()
    alternatives = {
        "empty Snakefile": lambda: common.seconds(lambda: run(command(empty, folder / "empty"), common.ROOT)),
        "nothing to do": lambda: common.seconds(lambda: run(again, common.ROOT)),
    }
    common.print_table(common.in_turns(alternatives, TURNS), "seconds")


def command(snakefile, folder):
    return [sys.executable, "-m", "snakemake", "--snakefile", snakefile, "--directory", folder, "--cores", "1"]


def append(file):
    file.write_text(file.read_text() + EDIT)


def run(arguments, folder):
    """The output of a command; where it fails, that is all there is to say."""
    done = subprocess.run(
        list(map(str, arguments)), cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode:
        sys.exit(done.stdout)
    return done.stdout


if __name__ == "__main__":
    main()

"""`snakemake --lint` is clean, but for what is explained here."""

import re

ACCEPTED = {
    # One environment serves every rule (environment.yml, requirements.txt): the stages share their versions, and a
    # user sets up once.
    "Specify a conda environment or container for each rule.",
}


def test_lint(built):
    titles = set(re.findall(r"^ +\* (.+?):?$", built.snakemake("--lint", check=False), flags=re.MULTILINE))
    assert titles == ACCEPTED

"""`snakemake --lint` is clean, but for what is explained here."""

import json

ACCEPTED = {
    # One environment serves every rule (environment.yml, requirements.txt): the stages share their versions, and a
    # user sets up once.
    "Specify a conda environment or container for each rule.",
}


def test_lint(built):
    output = built.snakemake("--lint", "json", check=False)
    report = json.loads(output[output.index("{") :])
    lints = [lint for part in ("snakefiles", "rules") for entry in report[part] for lint in entry["lints"]]
    assert {lint["title"].rstrip(":") for lint in lints} - ACCEPTED == set()

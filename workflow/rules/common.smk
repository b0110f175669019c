"""What several rule files use. No job is defined here."""

import shlex
import sys

from pipeline.vocabulary import MODELS, SPLITS
from workflow import settings, user_files
from workflow.closure import code_of

IMAGE_STUDIES = ["resolution", "normalisation", "augmentation", "optimizer", "loss"]
HEAD_STUDIES = ["head", "cut"]
STUDIES = IMAGE_STUDIES + HEAD_STUDIES

problems = [
    *settings.misread(workflow.configfiles),
    *settings.check(config, ROOT / "workflow/schemas/config.schema.yaml"),
]
if problems:
    # An exception is shown with more lines, after these.
    sys.exit("\n".join(["The configuration is not valid:", *problems]))
settings.fill(config)

# The module of the backbone: what depends on it states it as its code.
BACKBONE = settings.backbone_module(config)

# A job that needs none of the files runs without them.
if workflow.is_main_process and (missing := list(user_files.missing(config, ROOT))):
    sys.exit("\n".join(missing))

FINETUNE_SEEDS = config["training"]["selection_seeds"][: config["finetune"]["train_only_runs"]]
TUNE_CANDIDATES = range(config["tune"]["candidates"] + 1)  # 0 is the starting configuration

# Every job is `python -m pipeline.STAGE.MODULE`, run by the interpreter that runs Snakemake, from any working directory, in
# UTF-8 whatever the terminal's language.
INTERPRETER_FOLDER = shlex.quote(str(Path(sys.executable).parent))
shell.prefix(f"export PATH={INTERPRETER_FOLDER}:$PATH PYTHONPATH={shlex.quote(str(ROOT))} PYTHONUTF8=1; ")


def keys(*keys):
    """The keys of the configuration that a rule uses, as one parameter; {model} in them is filled by the wildcard."""

    def of_job(wildcards):
        return settings.select(config, *[key.format(**wildcards) for key in keys])

    return of_job


def code_of_model(*modules):
    """`code_of` where {model} is a wildcard: an edit of one model's module leaves the other's jobs alone."""

    def of_job(wildcards):
        return code_of(*modules, f"pipeline.models.{wildcards.model}")

    return of_job


def published(files):
    """Figures and tables as an output that `snakemake --report` shows, by stage."""
    if not isinstance(files, str):
        return [published(file) for file in files]
    kind, stage, name = files.split("/")
    return report(files, caption="../report/made.rst", category=stage, subcategory=kind, labels={"name": name})


def as_list(paths):
    """One path, or several, as a list: Snakemake gives a named input or output in either form."""
    return [paths] if isinstance(paths, str) else list(paths)


def files(wildcards, input, output):
    """The options for the named inputs and outputs of a job, under the rule's own names.

    A digest belongs to its file and is left out. An input without a name is only waited for. Snakemake does not track
    this parameter, as it takes `input`.
    """
    words = []
    for name, paths in input.items():
        paths = as_list(paths)
        if not paths or any(not path.endswith(".sha256") for path in paths):
            words += [f"--{name.replace('_', '-')}", *(path for path in paths if not path.endswith(".sha256"))]
    words.append("--outputs")
    for name, paths in output.items():
        words += [f"{name}={path}" for path in as_list(paths)]
    return shlex.join(map(str, words))


def digested(paths):
    """Large files as an output, each with its digest, by which `tracked` inputs are compared."""
    return [file for path in as_list(paths) for file in (path, f"{path}.sha256")]


def tracked(path):
    """A large file as an input: itself whatever its age, and the digest of its content, whose change counts.

    Snakemake compares files of more than 1 MB by their time stamps alone; [0] is the file.
    """
    return [ancient(path), f"{path}.sha256"]


def with_index(path, split):
    """A cached array and the index of its split, which are read as one: `Examples` of pipeline.images.inputs."""
    return [*tracked(path), f"tables/data/index_{split}.csv"]


def examples(split):
    """What a model is trained or scored on: images for the baseline, features for the transfer model."""

    def of_job(wildcards):
        stage = {"baseline": "data", "transfer": "features"}[wildcards.model]
        return with_index(f"results/{stage}/{split}.npy", split)

    return of_job


def tune_jobs(model, rounds):
    """The jobs of round 0 and of the first rounds after it, each by the beginning of its files."""
    trials, size = config["tune"]["trials"], config["tune"]["trials_per_job"][model]
    return [f"results/tune/{model}_0_0-0"] + [
        f"results/tune/{model}_{after // trials + 1}_{first + 1}-{min(first + size, after + trials)}"
        for after in range(0, rounds * trials, trials)
        for first in range(after, after + trials, size)
    ]


def tune_results_before(wildcards):
    """The results of all rounds before; of rounds 0 and 1 none, which so wait for nothing."""
    before = int(wildcards.round) - 1
    return [f"{job}.csv" for job in tune_jobs(wildcards.model, before)] if before > 0 else []


def selected_start(wildcards):
    """What a model starts from besides its own hyperparameters: for the transfer model, those selected for the baseline."""
    return "tables/tune/baseline_best.csv" if wildcards.model == "transfer" else []


def train_only_models(model):
    """The models of the selected configuration that are fitted on train alone, one a seed."""
    return [f"results/train/{model}_train_only_{seed}.keras" for seed in config["training"]["selection_seeds"]]


def finetune_runs(part):
    """A file of each fine-tuned train-only model."""
    return expand("results/finetune/train_only_{seed}_{part}.csv", seed=FINETUNE_SEEDS, part=part)


def dataset_path(wildcards, input):
    """The archive or folder: a parameter that hangs on the input, which Snakemake does not compare."""
    return user_files.dataset_path(config, ROOT)


def dataset_digest(wildcards):
    """Digest of its content, which Snakemake compares in place of the path."""
    return user_files.digest(user_files.dataset_path(config, ROOT))

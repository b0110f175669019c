"""Helpers of the rule files: no rule stands here."""

from pipeline.command import InputError
from workflow import settings
from workflow.closure import code_of

SPLITS = ["train", "val", "test"]
MODELS = ["baseline", "transfer"]

problems = settings.check(config, ROOT / "workflow/schemas/config.schema.yaml")
if problems:
    raise WorkflowError("The configuration is not valid:", *problems)

# Every stage is `python -m pipeline.STAGE`, run by the interpreter that runs Snakemake, from any working directory.
# TensorFlow's C++ side would report every missing accelerator.
shell.prefix(f"export PATH={Path(sys.executable).parent}:$PATH PYTHONPATH={ROOT} TF_CPP_MIN_LOG_LEVEL=3; ")


def chosen(*keys):
    """The keys of the configuration that a rule uses, as one parameter; {model} in them is filled by the wildcard."""

    def of_job(wildcards):
        return settings.chosen(config, *[key.format(**wildcards) for key in keys])

    return of_job


def code_of_model(*modules):
    """`code_of` for rules of both models: an edit of one model's module leaves the other's jobs alone."""

    def of_job(wildcards):
        return code_of(*modules, f"pipeline.models.{wildcards.model}")

    return of_job


def tracked(path):
    """A large file as an input: itself whatever its age, and the digest of its content, whose change counts.

    Snakemake compares files of more than 1 MB by their time stamps alone; [0] is the file.
    """
    return [ancient(path), f"{path}.sha256"]


def examples(split):
    """What a model is trained or scored on: images for the baseline, features for the transfer model."""

    def of_job(wildcards):
        stage = {"baseline": "data", "transfer": "features"}[wildcards.model]
        return tracked(f"results/{stage}/{split}.npy")

    return of_job


def backbone(wildcards):
    """The frozen backbone under the transfer model's head; the baseline has none."""
    return ancient("results/features/backbone.keras") if wildcards.model == "transfer" else []


def backbone_digest(wildcards):
    return "results/features/backbone.keras.sha256" if wildcards.model == "transfer" else []

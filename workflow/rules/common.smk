"""What the files of the stages call. No job is defined here."""

from pipeline.command import InputError
from pipeline.images import archive
from pipeline.vocabulary import MODELS, SPLITS
from workflow import lock, settings
from workflow.closure import code_of

IMAGE_STUDIES = ["resolution", "normalisation", "augmentation", "optimizer", "loss"]
HEAD_STUDIES = ["head", "cut"]
STUDIES = IMAGE_STUDIES + HEAD_STUDIES
FINAL_MODELS = {"baseline": "results/train/baseline.keras", "transfer": "results/finetune/transfer.keras"}
DEFAULT_DATASET = "data/covid_xray.zip"  # what nobody named may be absent, when a build is copied without it

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
IMAGENET = f"results/features/{config['transfer']['backbone']}_imagenet.h5"

# Several rules state it, and each asks for it anew.
archive_digest = functools.cache(archive.digest)

# Every stage is `python -m pipeline.STAGE`, run by the interpreter that runs Snakemake, from any working directory, in
# UTF-8 whatever the terminal's language.
INTERPRETER_FOLDER = shlex.quote(str(Path(sys.executable).parent))
shell.prefix(f"export PATH={INTERPRETER_FOLDER}:$PATH PYTHONPATH={shlex.quote(str(ROOT))} PYTHONUTF8=1; ")


def chosen(*keys):
    """The keys of the configuration that a rule uses, as one parameter; {model} in them is filled by the wildcard."""

    def of_job(wildcards):
        return settings.chosen(config, *[key.format(**wildcards) for key in keys])

    return of_job


def code_of_model(*modules):
    """`code_of` where {model} is a wildcard: an edit of one model's module leaves the other's jobs alone."""

    def of_job(wildcards):
        return code_of(*modules, f"pipeline.models.{wildcards.model}")

    return of_job


def config_digest():
    """Digest of the whole configuration, but for where the files of the user lie: that says nothing of a result."""
    dataset = config["dataset"] | {"path": None, "external": bool(config["dataset"]["external"])}
    transfer = config["transfer"] | {"weights": config["transfer"]["weights"] == "random"}
    text = json.dumps(config | {"dataset": dataset, "transfer": transfer}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def jobs_of_rules(wildcards):
    """{stage: {rule: jobs, by the names of their benchmarks}}, as a JSON text; some of the jobs do not exist.

    Trials of another configuration are none of them, though their benchmarks may lie there.
    """
    trials = [job for model in MODELS for job in tune_jobs(model, config["tune"]["rounds"])]
    values = {
        "model": MODELS,
        "split": ["train", "val"],
        "study": STUDIES,
        "run": ["initial", "final"],
        "size": {config["ablate"]["image_size"], *config["ablate"]["variants"]["resolution"]},
        "round": range(1, config["tune"]["rounds"] + 1),
        "candidate": TUNE_CANDIDATES,
    }
    jobs = {}
    for each in workflow.rules:
        stage = Path(each.snakefile).stem
        if each.name == "tune_trials":
            jobs[stage][each.name] = [f"tune_trials_{Path(job).name}" for job in trials]
        elif each.benchmark and stage not in {"notebook", "report", "submission"}:
            # Without the constraints of the wildcards.
            names = re.sub(r"{(\w+),[^{}]*}", r"{\1}", Path(each.benchmark).stem)
            jobs.setdefault(stage, {})[each.name] = sorted(expand(names, **values))
    return json.dumps(jobs)


def shown(files):
    """Figures and tables as an output that `snakemake --report` shows, by stage."""
    if not isinstance(files, str):
        return [shown(file) for file in files]
    kind, stage, name = files.split("/")
    return report(files, caption="../report/made.rst", category=stage, subcategory=kind, labels={"name": name})


def files(wildcards, input, output):
    """The options for the named inputs and outputs of a job, under the rule's own names; digests go without saying.

    What has no name is only waited for. Not tracked, as it takes `input`.
    """
    words = []
    for name, paths in input.items():
        paths = [paths] if isinstance(paths, str) else paths
        if not paths or any(not path.endswith(".sha256") for path in paths):
            words += [f"--{name.replace('_', '-')}", *(path for path in paths if not path.endswith(".sha256"))]
    words.append("--outputs")
    for name, paths in output.items():
        words += [f"{name}={path}" for path in ([paths] if isinstance(paths, str) else paths)]
    return shlex.join(map(str, words))


def digested(paths):
    """Large files as an output, each with its digest, by which `tracked` inputs are compared."""
    return [file for path in ([paths] if isinstance(paths, str) else paths) for file in (path, f"{path}.sha256")]


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
        return tracked(f"results/{stage}/{split}.npy")

    return of_job


def starting_point(wildcards):
    """What the initial run starts from besides the configuration: for the transfer model, the baseline's search."""
    return "tables/tune/baseline_best.csv" if wildcards.model == "transfer" else []


def backbone(wildcards):
    """The frozen backbone under the transfer model's head; the baseline has none."""
    return ancient("results/features/backbone.keras") if wildcards.model == "transfer" else []


def backbone_digest(wildcards):
    return "results/features/backbone.keras.sha256" if wildcards.model == "transfer" else []


# Files of the user are no inputs: Snakemake compares the paths of those, and the same archive under another name would
# rerun everything. Their digests count; the paths are parameters that hang on the input, which Snakemake does not
# compare.


def found(path):
    """`path`, relative to the folder of this build or, if it is not there, to the checkout."""
    path = Path(os.path.expanduser(path))
    return path if os.path.exists(path) or not os.path.exists(ROOT / path) else ROOT / path


def dataset_path(wildcards=None, input=None):
    """The archive or folder."""
    return found(config["dataset"]["path"])


def dataset_digest(wildcards):
    """Digest of the archive's content: a touched archive is no new data."""
    try:
        return archive_digest(dataset_path())
    except InputError:
        return "unreadable"  # the stage itself says what is wrong with it


def external_path(wildcards=None, input=None):
    """The external set, an archive or folder."""
    return found(config["dataset"]["external"])


def external_digest(wildcards):
    try:
        return archive_digest(external_path())
    except InputError:
        return "unreadable"  # the stage itself says what is wrong with it


def weights_path(wildcards=None, input=None):
    """The backbone's weights: ImageNet's, fetched; the user's own; or none, random ones for the demo."""
    kind = config["transfer"]["weights"]
    return [] if kind == "random" else Path(IMAGENET) if kind == "imagenet" else found(kind)


def weights_digest(wildcards):
    """Digest of the user's own weights file: a touched file is no new file."""
    kind = config["transfer"]["weights"]
    if kind in ("imagenet", "random") or not os.path.isfile(weights_path()):
        return kind
    with open(weights_path(), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def missing_paths():
    """A line for each path that the configuration names and that does not exist."""
    external, weights = config["dataset"]["external"], config["transfer"]["weights"]
    if config["dataset"]["path"] != DEFAULT_DATASET and not os.path.exists(dataset_path()):
        yield archive.missing(dataset_path())
    if external and not os.path.exists(external_path()):
        expected = "a zip file, a tar file or a folder, or null for none"
        yield f"dataset.external: nothing at {external_path().absolute()}; expected {expected}"
    if weights not in ("imagenet", "random") and not os.path.isfile(weights_path()):
        expected = f"imagenet, or the path of a weights file of {config['transfer']['backbone']} (.h5 or .keras)"
        yield f"transfer.weights: no file {weights_path().absolute()}; expected {expected}"


# Checked when Snakemake starts, not in an input function: where one raises, Snakemake takes existing outputs instead,
# and a mistyped path would give the result of other data. A job that needs none of the files runs without them.
if workflow.is_main_process and (missing := list(missing_paths())):
    sys.exit("\n".join(missing))


@functools.cache
def absent_dataset():
    """The absent data as an input, which lets Snakemake take existing outputs; exits where they make no report."""
    if not all(map(os.path.exists, [*rules.report.input.tables, *rules.report.input.figures])):
        # An exception is shown with a traceback.
        sys.exit(archive.missing(dataset_path()))
    place = f"dataset.path: no data at {dataset_path().absolute()}"
    with open(rules.report_configuration.output.table, encoding="utf-8") as file:
        made_with = dict(csv.reader(file)).get("sha256")
    if made_with != config_digest():
        sys.exit(
            f"{place}, and the tables here were made with another configuration; expected the data, or the "
            "configuration of those tables (--configfile)"
        )
    print(f"{place}; only the report can be made again, from the tables and figures here", file=sys.stderr)
    return str(dataset_path())


def tune_jobs(model, rounds):
    """The jobs of the first rounds, each by the beginning of its files: trials that last seconds share a process."""
    trials, size = config["tune"]["trials"], config["tune"]["trials_per_job"][model]
    return [
        f"results/tune/{model}_{after // trials + 1}_{first + 1}-{min(first + size, after + trials)}"
        for after in range(0, rounds * trials, trials)
        for first in range(after, after + trials, size)
    ]


def cells_of(notebook):
    """Digest of the cells of a notebook as they are written; their metadata and what they once put out do not count."""
    cells = json.loads(notebook.read_text())["cells"]
    sources = [[cell["cell_type"], "".join(cell["source"])] for cell in cells]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()


def tune_results(ending):
    """What the trials of all rounds write, one file a job."""
    return lambda wildcards: [f"{job}{ending}.csv" for job in tune_jobs(wildcards.model, config["tune"]["rounds"])]


def tune_results_before(wildcards):
    """What the trials of the earlier rounds write."""
    return [f"{job}.csv" for job in tune_jobs(wildcards.model, int(wildcards.round) - 1)]


def final_model(wildcards):
    return tracked(FINAL_MODELS[wildcards.model])


def heldout_models(model):
    return [f"results/train/{model}_heldout_{seed}.keras" for seed in config["training"]["selection_seeds"]]


def explained(wildcards):
    """The held-out network whose maps are checked: it has seen no val image, and looks as the final one does."""
    tuned = "results/finetune/transfer_heldout.keras"
    return tracked(tuned if wildcards.model == "transfer" else heldout_models("baseline")[0])


def explained_seeds(wildcards):
    """Two held-out networks that differ in their seed alone, where there are as many seeds."""
    files = heldout_models(wildcards.model)[:2]
    return [ancient(file) for file in files] if len(files) == 2 else []


def explained_seeds_digests(wildcards):
    return [f"{file}.sha256" for file in explained_seeds(wildcards)]


def ablate_images(split):
    """The caches that a study needs, ancient like all large files, in rising order of their size."""
    return lambda wildcards: [ancient(file) for file in ablate_files(split, wildcards.study)]


def ablate_digests(split):
    return lambda wildcards: [f"{file}.sha256" for file in ablate_files(split, wildcards.study)]


def ablate_files(split, study):
    resolutions = config["ablate"]["variants"]["resolution"]
    sizes = resolutions if study == "resolution" else [config["ablate"]["image_size"]]
    return [f"results/ablate/{split}_{size}.npy" for size in sorted(sizes)]


def ablate_head_features(split):
    """What the heads of a study are trained or scored on: views of each image, or the plain images at every cut."""

    def of_study(wildcards):
        file = {"head": f"results/features/{split}.npy", "cut": f"results/ablate/{split}_cuts.npz"}
        return tracked(file[wildcards.study])

    return of_study

from pipeline.render.submission import code_files


localrules:
    submission_check,
    submission,


rule submission_check:
    """Whether the article may be handed in; a rule of its own, so that its reasons stand by themselves."""
    input:
        "tables/report/checks.csv",
    output:
        touch("results/submission/checked"),
    log:
        "results/logs/submission_check.log",
    benchmark:
        "results/benchmarks/submission_check.tsv"
    params:
        code=code_of("pipeline.render.submission"),
    shell:
        "python -m pipeline.render.submission check --checks {input} --log {log}"


rule submission:
    """What is handed in: the article, and code, notebook, tables and figures in a zip."""
    input:
        checked="results/submission/checked",
        pdf="report/report.pdf",
        metadata=str(ROOT / "report/metadata.yaml"),
        notebook="results/notebooks/baseline.ipynb",
        tables=[
            *rules.report.input.tables,
            rules.report.output.trace,
            rules.report.output.questions,
            rules.report.output.checks,
        ],
        figures=FIGURES,
        code=[str(file) for file in code_files(ROOT)],
    output:
        directory("submission"),
    log:
        "results/logs/submission.log",
    benchmark:
        "results/benchmarks/submission.tsv"
    params:
        root=ROOT,
        code=code_of("pipeline.render.submission"),
    shell:
        "python -m pipeline.render.submission submission --pdf {input.pdf} --metadata {input.metadata:q} "
        "--results {input.notebook} {input.tables} {input.figures} --root {params.root:q} --folder {output} --log {log}"

from pipeline.render.submission import code_files


localrules:
    submission_check,
    submission,


rule submission_check:
    """Whether the article may be handed in; a rule of its own, so that its reasons stand by themselves."""
    input:
        checks="tables/report/checks.csv",
    output:
        touch("results/submission/checked"),
    log:
        "results/logs/submission_check.log",
    benchmark:
        "results/benchmarks/submission_check.tsv"
    params:
        files=files,
        code=code_of("pipeline.render.submission"),
    shell:
        "python -m pipeline.render.submission check {params.files} --log {log}"


rule submission:
    """What is handed in: the article, and code, notebook, tables and figures in a zip."""
    input:
        "results/submission/checked",
        [str(file) for file in code_files(ROOT)],
        pdf="report/report.pdf",
        metadata=str(ROOT / "report/metadata.yaml"),
        results=[
            "results/notebooks/baseline.ipynb",
            *rules.report.input.tables,
            rules.report.output.trace,
            rules.report.output.questions,
            rules.report.output.checks,
            *FIGURES,
        ],
    output:
        directory("submission"),
    log:
        "results/logs/submission.log",
    benchmark:
        "results/benchmarks/submission.tsv"
    params:
        files=files,
        root=ROOT,
        code=code_of("pipeline.render.submission"),
    shell:
        "python -m pipeline.render.submission submission {params.files} --root {params.root:q} --folder {output} --log {log}"

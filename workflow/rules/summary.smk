# Only where the study has videos to find strokes in.
DETECTION_SUMMARY = {}
if STUDY.detection_rows:
    DETECTION_SUMMARY = {
        "detection": f"{RESULTS}/detection.tsv",
        "detection_html": report(
            f"{RESULTS}/detection.html",
            caption="../report/detection_summary.rst",
            category="Summary",
            labels={"figure": "strokes found in untrimmed videos"},
        ),
    }

# Only where variants differ in their flow alone.
FLOW_STUDY = {}
if STUDY.flow_groups:
    FLOW_STUDY = {
        "flow_study": report(
            f"{RESULTS}/flow_study.png",
            caption="../report/flow_study.rst",
            category="Summary",
            labels={"figure": "accuracy by flow and its normalisation"},
        )
    }

CONFUSIONS = {
    f"confusions_{number}": report(
        f"{RESULTS}/confusions/{variant}.png",
        caption="../report/confusions.rst",
        category="Evaluation",
        subcategory=variant,
        labels={
            "variant": variant,
            "split": "all",
            "seed": "all",
            "figure": "worst confusions, with examples",
        },
    )
    for number, variant in enumerate(TRAININGS["variant"])
}


rule summary:
    input:
        expand(f"{MODELS}/metrics.json", **TRAININGS),
        expand(f"{MODELS}/history.csv", **TRAININGS),
        expand(f"{MODELS}/predictions.csv", **TRAININGS),
        of_detection("detection.json"),
        expand(f"{FUSIONS}/{{name}}", name=["metrics.json", "predictions.csv"], **FUSED)
        if STUDY.fusions
        else [],
    output:
        **DETECTION_SUMMARY,
        **FLOW_STUDY,
        **CONFUSIONS,
        table=f"{RESULTS}/summary.tsv",
        picture=report(
            f"{RESULTS}/summary.png",
            caption="../report/summary.rst",
            category="Summary",
            labels={"figure": "accuracy of all variants"},
        ),
        html=report(
            f"{RESULTS}/summary.html",
            caption="../report/summary.rst",
            category="Summary",
            labels={"figure": "table of all variants"},
        ),
        comparisons=f"{RESULTS}/comparisons.tsv",
        comparisons_html=report(
            f"{RESULTS}/comparisons.html",
            caption="../report/comparisons.rst",
            category="Summary",
            labels={"figure": "differences between the variants"},
        ),
        flow_html=report(
            f"{RESULTS}/flow.html",
            caption="../report/flow.rst",
            category="Summary",
            labels={"figure": "what computed the flow"},
        ),
        curves=report(
            f"{RESULTS}/curves.png",
            caption="../report/all_curves.rst",
            category="Summary",
            labels={"figure": "learning curves of all variants"},
        ),
        samples=report(
            f"{RESULTS}/samples.png",
            caption="../report/samples.rst",
            category="Labels",
            labels={"figure": "classes, sets and lengths"},
        ),
        label_errors=f"{RESULTS}/label_errors.tsv",
        label_errors_html=report(
            f"{RESULTS}/label_errors.html",
            caption="../report/label_errors.rst",
            category="Labels",
            labels={"figure": "labels that may be wrong"},
        ),
        run_times=report(
            f"{RESULTS}/run_times.html",
            caption="../report/run_times.rst",
            category="Study",
            labels={"figure": "run times of the rules"},
        ),
        about=report(
            f"{RESULTS}/study.html",
            caption="../report/study.rst",
            category="Study",
            labels={"figure": "versions, videos and config"},
        ),
    log:
        f"{LOGS}/summary.log",
    conda:
        "../../envs/crisp.yaml"
    resources:
        mem_mb=memory(1000),
        disk_mb=10,
        runtime=runtime(10),
    params:
        study=SNAPSHOT,
        # A variant or seed taken out of the study leaves the summary, too.
        version=version("summary", TRAININGS, STUDY.decision, *FUSED["fusion"]),
    shell:
        "crisp summary --study {params.study:q} 2>&1 | tee {log:q}"

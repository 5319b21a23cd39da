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


rule summary:
    input:
        expand(f"{MODELS}/metrics.json", **TRAININGS),
        expand(f"{MODELS}/history.csv", **TRAININGS),
        expand(f"{MODELS}/predictions.csv", **TRAININGS),
        of_detection("detection.json"),
    output:
        **DETECTION_SUMMARY,
        **FLOW_STUDY,
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
        version=version("summary", TRAININGS, STUDY.decision),
    shell:
        "crisp summary --study {params.study:q} 2>&1 | tee {log:q}"

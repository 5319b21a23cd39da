# How far the annotators agree; only where videos have several.
if STUDY.several_annotators:

    rule agreement:
        input:
            frames=INPUTS.stage_files("frames", "", STUDY.used),
            annotations=INPUTS.annotator_files,
        output:
            figures=f"{RESULTS}/agreement.json",
            html=report(
                f"{RESULTS}/agreement.html",
                caption="../report/agreement.rst",
                category="Labels",
                labels={"figure": "agreement of the annotators, table"},
            ),
            picture=report(
                f"{RESULTS}/agreement.png",
                caption="../report/agreement.rst",
                category="Labels",
                labels={"figure": "agreement of the annotators"},
            ),
            disagreements=f"{RESULTS}/disagreements.tsv",
            merged=f"{RESULTS}/merged_labels.tsv",
        log:
            f"{LOGS}/agreement.log",
        conda:
            "../../envs/crisp.yaml"
        resources:
            mem_mb=memory(1000),
            disk_mb=10,
            runtime=runtime(20),
        params:
            study=SNAPSHOT,
            labels=LABELS,
            out=RESULTS,
            version=PARAMS.agreement,
        shell:
            "crisp agree --study {params.study:q} --labels {params.labels:q} --no-pages --out {params.out:q}"
            " 2>&1 | tee {log:q}"

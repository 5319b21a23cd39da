rule fuse:
    input:
        INPUTS.fusion,
    output:
        predictions=f"{FUSIONS}/predictions.csv",
        metrics=f"{FUSIONS}/metrics.json",
        confusion=report(
            f"{FUSIONS}/confusion.png",
            caption="../report/confusion.rst",
            category="Evaluation",
            subcategory="{fusion}",
            labels=of_fusion("confusion matrix"),
        ),
        per_class=report(
            f"{FUSIONS}/per_class.html",
            caption="../report/per_class.rst",
            category="Evaluation",
            subcategory="{fusion}",
            labels=of_fusion("per class"),
        ),
    log:
        f"{LOGS}/fuse/{{fusion}}-{{split}}-{{seed}}.log",
    benchmark:
        f"{TIMES}/fuse/{{fusion}}-{{split}}-{{seed}}.tsv"
    conda:
        "../../envs/crisp.yaml"
    threads: STUDY.training.threads
    resources:
        gpu=1,
        mem_mb=RESOURCES.fusion_memory(),
        disk_mb=100,
        runtime=runtime(60),
    params:
        study=SNAPSHOT,
        version=PARAMS.fuse,
    shell:
        "crisp fuse --study {params.study:q} --split {wildcards.split} --seed {wildcards.seed}"
        " {wildcards.fusion} 2>&1 | tee {log:q}"

rule detect:
    input:
        INPUTS.detection,
        model=f"{MODELS}/model.pt",
    output:
        detections=f"{MODELS}/detections.csv",
        metrics=f"{MODELS}/detection.json",
        picture=report(
            f"{MODELS}/detection.png",
            caption="../report/detection.rst",
            category="Detection",
            subcategory="{variant}",
            labels=of_model("strokes found over time"),
        ),
    log:
        f"{LOGS}/detect/{{variant}}-{{split}}-{{seed}}.log",
    benchmark:
        f"{TIMES}/detect/{{variant}}-{{split}}-{{seed}}.tsv"
    conda:
        "../../envs/crisp.yaml"
    threads: STUDY.training.threads
    resources:
        gpu=1,
        mem_mb=RESOURCES.inference_memory("detect"),
        disk_mb=100,
        runtime=growing("runtime", RESOURCES.detection_minutes),
    params:
        study=SNAPSHOT,
        labels=LABELS,
        version=PARAMS.detect,
    shell:
        "crisp detect --study {params.study:q} --labels {params.labels:q} --split {wildcards.split}"
        " --seed {wildcards.seed} {wildcards.variant} 2>&1 | tee {log:q}"

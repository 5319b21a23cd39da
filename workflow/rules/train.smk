rule train:
    input:
        INPUTS.training,
    output:
        model=f"{MODELS}/model.pt",
        history=f"{MODELS}/history.csv",
        curves=report(
            f"{MODELS}/curves.png",
            caption="../report/curves.rst",
            category="Training",
            subcategory="{variant}",
            labels=of_model("curves"),
        ),
    log:
        f"{LOGS}/train/{{variant}}-{{split}}-{{seed}}.log",
    benchmark:
        f"{TIMES}/train/{{variant}}-{{split}}-{{seed}}.tsv"
    conda:
        "../../envs/crisp.yaml"
    threads: (STUDY.training.threads + STUDY.training.workers) * STUDY.training.gpus
    resources:
        gpu=RESOURCES.training_gpus,
        mem_mb=growing("mem_mb", RESOURCES.training_megabytes),
        disk_mb=4000,
        runtime=runtime(720),
    params:
        study=SNAPSHOT,
        version=PARAMS.train,
        # Undeclared: Snakemake would delete it with a failed job, and it is what a retry resumes from.
        state=f"{RESULTS}/state/{{variant}}-{{split}}-{{seed}}",
    shell:
        "crisp train --study {params.study:q} --split {wildcards.split} --seed {wildcards.seed}"
        " --state {params.state:q} {wildcards.variant} 2>&1 | tee {log:q}"

# A study without super-classes has no such picture.
SUPER_CONFUSION = {
    "super_confusion": report(
        f"{MODELS}/super_confusion.png",
        caption="../report/super_confusion.rst",
        category="Evaluation",
        subcategory="{variant}",
        labels=of_model("confusion matrices by super-class"),
    )
}


rule evaluate:
    input:
        INPUTS.evaluation,
        model=f"{MODELS}/model.pt",
    output:
        **SUPER_CONFUSION if STUDY.super_classes else {},
        predictions=f"{MODELS}/predictions.csv",
        metrics=f"{MODELS}/metrics.json",
        confusion=report(
            f"{MODELS}/confusion.png",
            caption="../report/confusion.rst",
            category="Evaluation",
            subcategory="{variant}",
            labels=of_model("confusion matrix"),
        ),
        reliability=report(
            f"{MODELS}/reliability.png",
            caption="../report/reliability.rst",
            category="Evaluation",
            subcategory="{variant}",
            labels=of_model("reliability of the confidences"),
        ),
        per_class=report(
            f"{MODELS}/per_class.html",
            caption="../report/per_class.rst",
            category="Evaluation",
            subcategory="{variant}",
            labels=of_model("per class"),
        ),
        explanations=report(
            f"{MODELS}/explanations.png",
            caption="../report/explanations.rst",
            category="Evaluation",
            subcategory="{variant}",
            labels=of_model("what the model looks at"),
        ),
    log:
        f"{LOGS}/evaluate/{{variant}}-{{split}}-{{seed}}.log",
    benchmark:
        f"{TIMES}/evaluate/{{variant}}-{{split}}-{{seed}}.tsv"
    conda:
        "../../envs/crisp.yaml"
    threads: STUDY.training.threads
    resources:
        gpu=1,
        mem_mb=RESOURCES.inference_memory("evaluate"),
        disk_mb=100,
        runtime=runtime(120),
    params:
        study=SNAPSHOT,
        version=PARAMS.evaluate,
    shell:
        "crisp evaluate --study {params.study:q} --split {wildcards.split} --seed {wildcards.seed}"
        " {wildcards.variant} 2>&1 | tee {log:q}"

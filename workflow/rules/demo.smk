if STUDY.generate:

    rule demo:
        output:
            video=f"{STUDY.data}/{{video}}.mp4",
            truth=f"{STUDY.data}/truth/{{video}}.npz",
        log:
            f"{LOGS}/demo/{{video}}.log",
        benchmark:
            f"{TIMES}/demo/{{video}}.tsv"
        conda:
            "../../envs/crisp.yaml"
        resources:
            mem_mb=memory(1000),
            disk_mb=100,
            runtime=runtime(10),
        params:
            version=version("demo"),
        shell:
            "crisp demo --out $(dirname {output.video:q}) {wildcards.video} 2>&1 | tee {log:q}"

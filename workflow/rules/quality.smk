# A picture of how a video was prepared and annotated; of the first report.videos, and of any asked for by name.
rule quality:
    input:
        frames=f"{VOLUMES}/{{video}}/frames.h5",
        flow=f"{VOLUMES}/{{video}}/flow/{STUDY.flow_methods[0]}.h5",
        roi=f"{VOLUMES}/{{video}}/roi/{STUDY.flow_methods[0]}{{region}}.h5",
    output:
        report(
            f"{RESULTS}/videos/{{video}}{{region}}.png",
            caption="../report/quality.rst",
            category="Videos",
            labels={"video": "{video}{region}"},
        ),
    log:
        f"{LOGS}/quality/{{video}}{{region}}.log",
    benchmark:
        f"{TIMES}/quality/{{video}}{{region}}.tsv"
    conda:
        "../../envs/crisp.yaml"
    resources:
        mem_mb=memory(1000),
        disk_mb=10,
        runtime=runtime(10),
    params:
        study=SNAPSHOT,
        labels=LABELS,
        version=PARAMS.quality,
    shell:
        "crisp quality --study {params.study:q} --labels {params.labels:q} {wildcards.video}{wildcards.region}"
        " 2>&1 | tee {log:q}"

# Only for variants that take poses. The person is the one nearest to the ROI of the first flow method.
rule pose:
    input:
        frames=f"{VOLUMES}/{{video}}/frames.h5",
        roi=f"{VOLUMES}/{{video}}/roi/{STUDY.flow_methods[0]}{{region}}.h5",
        source=INPUTS.pose_source,
    output:
        f"{VOLUMES}/{{video}}/pose{{region}}.h5",
    log:
        f"{LOGS}/pose/{{video}}{{region}}.log",
    benchmark:
        f"{TIMES}/pose/{{video}}{{region}}.tsv"
    retries: 0
    conda:
        "../../envs/crisp.yaml"
    resources:
        mem_mb=memory(3000),
        disk_mb=100,
        runtime=runtime(10, 0.2 if STUDY.pose_estimator else 0.01),
    params:
        version=version("pose"),
        digest=PARAMS.poses,
        how=PARAMS.pose_command,
    shell:
        "crisp {params.how:q}"
        f" --volume {VOLUMES}/{{wildcards.video}}/{{wildcards.video}}.h5"
        " {input.frames:q} {input.roi:q} {input.source:q} {output:q} 2>&1 | tee {log:q}"

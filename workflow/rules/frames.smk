rule frames:
    input:
        lambda wildcards: reported(INPUTS.raw_video, wildcards),
    output:
        f"{VOLUMES}/{{video}}/frames.h5",
    log:
        f"{LOGS}/frames/{{video}}.log",
    benchmark:
        f"{TIMES}/frames/{{video}}.tsv"
    retries: 0
    conda:
        "../../envs/crisp.yaml"
    resources:
        mem_mb=memory(1500),
        disk_mb=1000,
        runtime=runtime(10, 0.05),
    params:
        version=PARAMS.frames,
        sha256=PARAMS.sha256,
        replaced=PARAMS.replaced,
        other=PARAMS.other,
        frame_step=PARAMS.frame_step,
        width=STUDY.width,
        upscale="--upscale" if STUDY.upscale else "",
    shell:
        "crisp frames --width {params.width} {params.upscale} --frame-step {params.frame_step}"
        " --sha256 {params.sha256:q} {params.other} {input:q} {output:q} 2>&1 | tee {log:q}"

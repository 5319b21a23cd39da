"""Integration with Snakemake and SLURM."""

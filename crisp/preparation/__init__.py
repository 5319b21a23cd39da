"""Convert videos to frames, flow, regions of interest, poses and volumes."""

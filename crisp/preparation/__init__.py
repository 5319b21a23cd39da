"""Videos become frames, flow, regions of interest, poses and volumes."""

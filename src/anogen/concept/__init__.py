"""Stage 1: learn what a defect looks like from a few shots."""

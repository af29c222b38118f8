"""The stages of a run, in order; each reads and writes the files of the run's folder only."""

"""The local page on which a person goes through the banks of a run."""

"""Fitting the embedded prior to one product: scenes of it, low-rank factors, their training."""

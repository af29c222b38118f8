"""Pure functions on numpy arrays: how good a detector is, how good generated images are."""

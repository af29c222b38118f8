"""Accepted images of banks as data sets that other tools read."""

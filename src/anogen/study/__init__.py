"""Protocols and arms, the stages of a run, results, and the report."""

"""anogen: few-shot anomaly generation for industrial visual inspection."""

__version__ = "0.1.0"

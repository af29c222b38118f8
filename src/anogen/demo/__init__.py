"""The demo's data: real photographs of solar cells, laid out as a dataset to run on."""

from anogen.demo.dataset import prepare

__all__ = ["prepare"]

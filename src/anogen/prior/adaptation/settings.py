"""Settings of the fitting to a product."""

from pydantic import BaseModel, ConfigDict, Field


class AdaptSettings(BaseModel):
    """How long and how fast the embedded prior is fitted to a product's good images."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int = Field(default=0, ge=0, description="optimiser steps; 0 leaves the prior as it is")
    rank: int = Field(default=16, ge=1, le=128, description="of the change of each weight matrix")
    batch_size: int = Field(default=32, ge=1, description="windows a step")
    windows: int = Field(default=768, ge=1, description="windows cut from the good images")
    images: int = Field(default=64, ge=1, description="good images that are looked at, at most")
    learning_rate: float = Field(default=2e-3, gt=0, description="of AdamW, falling to a tenth")
    normal_share: float = Field(
        default=0.4,
        ge=0,
        le=1,
        description="share of examples of the good surface; the others "
        "rehearse the words of defects",
    )
    zoom: float = Field(
        default=2.0, ge=1, description="windows are up to so many times the prior's own size"
    )

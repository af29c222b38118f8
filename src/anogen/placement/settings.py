"""Settings of placement."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

ForegroundMethod = Literal["auto", "grabcut", "otsu", "median", "whole"]


class PlacementSettings(BaseModel):
    """Where defects may be drawn; AnoGen section 5.1 unless said otherwise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    foreground: ForegroundMethod = Field(
        default="auto",
        description="how the object is told from its background: grabcut (paper), otsu "
        "(released code), median (against the median good image), whole (textures), or auto",
    )
    on_foreground: float = Field(
        default=0.5, ge=0, le=1, description="least share of a box that lies on the object"
    )
    margin: float = Field(
        default=0.15, ge=0, description="room around the defect in its box, as a share of its size"
    )
    size_jitter: float = Field(
        default=0.2, ge=0, description="deviation of the logarithm of a box's size"
    )
    turn: bool = Field(default=True, description="swap width and height half of the time")
    border: int = Field(default=0, ge=0, description="least distance to the image's border, pixels")
    legal: str | None = Field(
        default=None, description="mask image; boxes lie where it is white (path in the dataset)"
    )
    attempts: int = Field(default=500, ge=1, description="draws before placement gives up")

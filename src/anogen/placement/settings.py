"""Settings of placement."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

ForegroundMethod = Literal["auto", "grabcut", "otsu", "median", "whole"]


def _rising(values: tuple[float, float]) -> tuple[float, float]:
    """Refuses a range that ends before it starts."""
    if values[0] > values[1]:
        raise ValueError(f"a range must not end before it starts, as {list(values)} does")
    return values


Share = Annotated[float, Field(gt=0, le=1)]
Shares = Annotated[tuple[Share, Share], AfterValidator(_rising)]
Aspect = Annotated[float, Field(gt=0)]
Aspects = Annotated[tuple[Aspect, Aspect], AfterValidator(_rising)]
Degree = Annotated[float, Field(ge=-360, le=360)]
Degrees = Annotated[tuple[Degree, Degree], AfterValidator(_rising)]


class SizeRange(BaseModel):
    """From which to which size one defect's boxes are drawn, evenly."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: Shares = Field(description="least and most width, as shares of the image's")
    height: Shares = Field(description="least and most height, as shares of the image's")
    rotate: bool = Field(default=False, description="turned by any angle, unless rotation says")


class PlacementSettings(BaseModel):
    """Where defects may be drawn; AnoGen section 5.1 unless said otherwise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    foreground: ForegroundMethod = Field(
        default="auto",
        description="how the object is told from its background: grabcut (paper), otsu "
        "(released code), median (against the median good image), whole (textures), or auto",
    )
    on_foreground: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="least share of a box that lies on the object; where=alike lowers it to 0.8 of "
        "the least that a shot's own defect has there, if that is less (breaks of an edge)",
    )
    where: Literal["anywhere", "alike"] = Field(
        default="anywhere",
        description="places on the object: anywhere (papers), or mostly where the surroundings are "
        "like those of the shots' defects, and as deep inside the object",
    )
    sizes: Literal["learned", "official", "given"] = Field(
        default="learned",
        description="sizes of boxes: learned from the support masks, the released code's table "
        "(MVTec AD and VisA), or given in ranges",
    )
    ranges: dict[str, SizeRange] = Field(
        default_factory=dict,
        description="for sizes given: by defect, or by category/defect, "
        "{width: [least, most], height: [least, most]} as shares of the image",
    )
    margin: float = Field(
        default=0.15,
        ge=0,
        description="room on each side of the defect in its box, as a share of its size; 3 pixels "
        "at least, or none with 0 (learned sizes)",
    )
    size_jitter: float = Field(
        default=0.2, ge=0, description="deviation of the logarithm of a box's size (learned sizes)"
    )
    turn: bool = Field(
        default=True, description="swap width and height half of the time (learned sizes)"
    )
    aspect: Aspects | None = Field(
        default=None,
        description="least and most width over height, the area kept; null: as the sizes have it",
    )
    rotation: Degrees | None = Field(
        default=None,
        description="least and most degrees by which the rectangle to draw in is turned in its "
        "box; null: not, but for sizes that say so",
    )
    defects: int = Field(default=1, ge=1, description="places of the defect on one image")
    border: int = Field(default=0, ge=0, description="least distance to the image's border, pixels")
    legal: str | None = Field(
        default=None,
        description="mask image; boxes lie where it is white as they lie on the object, and "
        "nothing is drawn beside it (path in the dataset; {category} and {defect} stand for names)",
    )
    forbidden: str | None = Field(
        default=None,
        description="mask image; no box has a pixel where it is white (path as for legal)",
    )
    attempts: int = Field(default=500, ge=1, description="draws before placement gives up")

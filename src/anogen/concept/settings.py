"""Settings of Stage 1."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from anogen.prior.sampling import check_ddim_steps

SpatialKind = Literal["light", "paper"]


class ConceptSettings(BaseModel):
    """How a concept is learned; AnoGen section 4.1 unless said otherwise.

    AnomalyDiffusion's are the same with a spatial encoder and more tokens.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    tokens: int = Field(default=4, ge=1, le=64, description="learned vectors of a concept")
    init: str = Field(
        default="auto",
        description="word to start from; auto takes the word in the defect's name if it fits the "
        "shots, else the one that fits them best; mean the mean of the vocabulary",
    )
    spatial: Literal["none"] | SpatialKind = Field(
        default="none",
        description="encoder that gives tokens of the mask's place and shape (AnomalyDiffusion): "
        "none, light (under 5 M parameters), or paper (ResNet-50)",
    )
    spatial_tokens: int = Field(
        default=4, ge=1, le=32, description="tokens of the mask, beside the learned vectors"
    )
    spatial_learning_rate: float = Field(
        default=0.001, gt=0, description="of AdamW, on the spatial encoder"
    )
    templates: bool = Field(
        default=False,
        description="learn within sentences such as 'a photo of a *' where the prior reads text; "
        "drawing shows it the bare vectors",
    )
    steps: int = Field(default=200, ge=0, description="optimiser steps at most")
    learning_rate: float = Field(default=0.02, gt=0, description="of AdamW, on the tokens")
    weight_decay: float = Field(
        default=0.0, ge=0, description="of AdamW; 0 is Adam, 0.01 the released code's"
    )
    batch_size: int = Field(default=16, ge=1, description="views a step")
    batch_of: Literal["category", "defect"] = Field(
        default="category",
        description="batch_size counts the views of all defects of a category, mixed, or those of "
        "each defect, as papers that learn one defect at a time count them",
    )
    views: int = Field(default=16, ge=1, description="augmented views of each shot, encoded once")
    flips: bool = Field(default=True, description="mirror views, left to right")
    vertical_flips: bool = Field(
        default=True, description="mirror them top to bottom, too (with flips)"
    )
    quarter_turns: bool = Field(default=True, description="turn views by multiples of 90 degrees")
    zoom: tuple[float, float] | None = Field(
        default=(1.3, 3.0),
        description="window side as a multiple of the defect's longer side; null: the whole image, "
        "squeezed into a square (released code)",
    )
    shift: float = Field(
        default=0.25, ge=0, le=1, description="share of the free room by which views are moved"
    )
    mask_guided: bool = Field(
        default=True, description="loss on the defect's latents only (Eq. 6), or on all"
    )
    mask_rule: Literal["area", "released"] = Field(
        default="area",
        description="mask on the latents: each cell's share of the defect (area), so that nothing "
        "is lost; or 1 where a bilinear reading finds any (released), which a thin defect may miss",
    )
    average_over: Literal["mask", "latents"] = Field(
        default="mask",
        description="the masked loss is the mean over the mask, or as in the released code its sum "
        "over the count of all latents, so that small defects count less",
    )
    weighting: Literal["noise", "velocity"] = Field(
        default="velocity",
        description="error of the noise as printed (Eq. 5 and 6), or of the velocity, which is "
        "even over timesteps: the noise's divided by alpha-bar, this at least 0.02",
    )
    region: Literal["box", "mask"] = Field(
        default="box",
        description="what an inpainting prior is told to draw in: a box around the defect, or "
        "its mask, as AnomalyDiffusion draws",
    )
    surroundings: Literal["blank", "normal"] = Field(
        default="normal",
        description="what an inpainting prior sees under the region: nothing, or the good "
        "surface as the prior itself restores it",
    )
    patience: int = Field(
        default=4, ge=1, description="checks without improvement on held-back noise before a stop"
    )
    check_every: int = Field(default=20, ge=1, description="steps between these checks")
    joint_rank: int = Field(
        default=0,
        ge=0,
        le=128,
        description="of a change of the embedded prior's weights that is learned with the tokens "
        "afterwards, from shots and good images; 0 leaves the prior as it is",
    )
    joint_steps: int = Field(default=100, ge=0, description="steps of learning both together")
    preview_every: int = Field(
        default=0,
        ge=0,
        description="steps between pictures of what is learned, beside the concepts; 0 for none",
    )

    @field_validator("zoom")
    @classmethod
    def _in_order(cls, zoom: tuple[float, float] | None) -> tuple[float, float] | None:
        if zoom is not None and not 0 < zoom[0] <= zoom[1]:
            raise ValueError("zoom is a positive range, the smaller number first")
        return zoom

    @model_validator(mode="after")
    def _together(self) -> "ConceptSettings":
        if self.joint_rank > 0 and self.spatial != "none":
            raise ValueError("joint_rank goes without a spatial encoder; set one of them off")
        return self


class MaskSettings(BaseModel):
    """Where AnomalyDiffusion's masks come from; learned ones as in its Eq. 9."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Literal["varied", "learned"] = Field(
        default="varied",
        description="masks to draw in: varied from those of the shots, or learned, that is sampled "
        "with an embedding of those masks (AnomalyDiffusion Eq. 9)",
    )
    tokens: int = Field(default=4, ge=1, le=64, description="of the mask embedding, k' = 4")
    init: str = Field(
        default="random",
        description="what the embedding starts from: random tokens (the paper) or a word",
    )
    turned: bool = Field(
        default=True, description="learn from the masks in all eight mirrored and turned positions"
    )
    steps: int = Field(default=600, ge=0, description="optimiser steps")
    learning_rate: float = Field(default=0.02, gt=0, description="of Adam, on the embedding")
    batch_size: int = Field(default=16, ge=1, description="masks a step, and a batch of sampling")
    count: int = Field(
        default=64, ge=1, description="masks that are sampled of each defect, to choose from"
    )
    sampling_steps: int = Field(default=50, ge=1, le=500, description="of DDIM at eta 1")
    guidance: float = Field(default=5.0, ge=1, description="classifier-free guidance; 1 is off")
    attempts: int = Field(
        default=10,
        ge=1,
        description="masks sampled for each that is wanted before the search for legal ones ends",
    )

    @field_validator("sampling_steps")
    @classmethod
    def _begins_at_noise(cls, steps: int) -> int:
        check_ddim_steps(steps)
        return steps

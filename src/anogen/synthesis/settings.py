"""Settings of Stage 2."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from anogen.prior.sampling import SamplerSettings, Solver, check_ddim_steps
from anogen.synthesis.reweighting import Form


class SynthesisSettings(BaseModel):
    """How a learned defect is drawn; AnoGen section 4.2 unless said otherwise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    solver: Solver = Field(default="dpmsolver++", description="ddim, dpmsolver++ or unipc")
    steps: int = Field(default=16, ge=1, le=500, description="solver steps from pure noise")
    guidance: float = Field(default=1.0, ge=1, description="classifier-free guidance; 1 is off")
    guidance_share: float = Field(
        default=1.0, ge=0, le=1, description="share of the steps, noisiest first, with guidance"
    )
    eta: float = Field(default=0.0, ge=0, le=1, description="noise of DDIM")
    init: Literal["noise", "normal", "sketch"] = Field(
        default="sketch",
        description="start from pure noise (the paper), from the normal window, or from a "
        "support defect bent to fill the region (pasted into it where AnoGen draws in a box)",
    )
    rendered: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of the sketches that are no support defects but rendered ones, where a "
        "defect's name says a kind that can be rendered: crack, scratch_head, blowholes, ...",
    )
    strength: float = Field(
        default=0.3,
        gt=0,
        le=1,
        description="how far a normal or sketch is noised before it is redrawn; 1 forgets it. "
        "Thin sketches of AnoGen less by as much as their window is larger than the prior's images",
    )
    reweighting: Form | None = Field(
        default=None,
        description="attention to what is faint so far: none, fast, paper (decodes every step) or "
        "official; null: fast for anomalydiffusion, none for anogen",
    )
    dilation: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="how far the region is wider at full noise, as a share of the window's side; "
        "shrinks with the noise (0.25 in AnomalyDiffusion's code)",
    )
    context: float = Field(
        default=2.0, ge=1, description="side of the window as a multiple of the box's longer side"
    )
    surroundings: Literal["blank", "normal"] = Field(
        default="normal",
        description="what an inpainting prior sees under the region: nothing, or the normal",
    )
    feather: float = Field(
        default=0.08,
        ge=0,
        le=0.5,
        description="seam inside the region, as a share of its thickness",
    )
    keep_detail: bool = Field(
        default=True,
        description="add the fine detail of normal or sketch, which the autoencoder loses, where "
        "the drawing kept to it",
    )
    batch_size: int = Field(default=16, ge=1, description="windows a batch")

    @model_validator(mode="after")
    def _begins_at_noise(self) -> "SynthesisSettings":
        if self.solver == "ddim":
            check_ddim_steps(self.steps)
        return self

    def sampler(self) -> SamplerSettings:
        """The part that the sampler needs."""
        return SamplerSettings(
            solver=self.solver,
            steps=self.steps,
            guidance=self.guidance,
            guidance_share=self.guidance_share,
            eta=self.eta,
            strength=1.0 if self.init == "noise" else self.strength,
            dilation=self.dilation,
        )

"""AnomalyDiffusion's synthesizer: a learned concept drawn so that it fills a given mask.

Hu et al., "AnomalyDiffusion: few-shot anomaly image generation with diffusion model", AAAI 2024,
Eq. 1: the mask is the region of blended sampling; its shape speaks to the prior through the
concept's spatial tokens (Eq. 6), and attention is re-weighted where little is seen of the defect
(Eq. 7 and 8, see ``reweighting``). Departures, beside those of ``diffusion``: the paper labels its
images with the mask that was asked for, even where nothing was drawn; here the label is that mask
where a change can be seen.
"""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from anogen.synthesis.diffusion import DiffusionSynthesizer
from anogen.synthesis.reweighting import Form


class AnomalyDiffusionSynthesizer(DiffusionSynthesizer):
    """See :class:`DiffusionSynthesizer`; the region is the mask that the defect shall fill."""

    name = "anomalydiffusion"
    default_reweighting: Form = "fast"

    def _tokens(self, mask: Tensor) -> Tensor:
        if self.concept.spatial is not None:
            self.concept.spatial.to(self.prior.device)  # where it is already, nothing happens
        return self.concept.context_tokens(mask)

    def _mask(
        self,
        recovered: NDArray[np.float32],
        asked: NDArray[np.bool_],
        outline: NDArray[np.bool_] | None,  # noqa: ARG002
    ) -> NDArray[np.float32]:
        return np.where(asked, recovered, 0).astype(np.float32)

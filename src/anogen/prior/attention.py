"""Cross-attention of a prior's denoiser, weighted pixel by pixel while a sampler is at work.

Hu et al., "AnomalyDiffusion: few-shot anomaly image generation with diffusion model", AAAI 2024,
Eq. 8: the attention map ``softmax(Q K^T / sqrt(d))`` times a weight for each pixel (``map``). The
released code weights the logits before the softmax instead, and only at the learned tokens
(``logits``). What the weights are is not decided here; see ``synthesis.reweighting``.

Only layers that read the context are touched. Self-attention and the autoencoder stay as they are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anogen.errors import InputError
from anogen.prior.contract import LatentDiffusion

if TYPE_CHECKING:
    from diffusers.models.attention_processor import Attention

Target = Literal["map", "logits"]


class WeightedAttention:
    """The cross-attention layers of a prior; as a context manager, with our processors in them.

    Args:
        prior: the frozen prior; its layers are given back on leaving.
        target: ``map`` weights the attention after the softmax, ``logits`` what goes into it.
        tokens: number of learned tokens. In contexts that are longer (a text of 77 with start and
            end) ``logits`` weights these and the start token, as the released code does.

    Raises:
        InputError: if the prior has no cross-attention of diffusers' kind.
    """

    def __init__(self, prior: LatentDiffusion, *, target: Target, tokens: int) -> None:
        from diffusers.models.attention_processor import Attention

        modules = prior.modules() if isinstance(prior, nn.Module) else ()
        self._layers = [m for m in modules if isinstance(m, Attention) and m.is_cross_attention]
        if not self._layers:
            raise InputError(
                f"synthesis.reweighting: the prior {prior.name} has no cross-attention that could "
                "be weighted; use none."
            )
        self._before: list[Any] = []
        self.target = target
        self.tokens = tokens
        self.weights: Tensor | None = None
        """``(B, 1, H, W)`` over the whole window, 1 where nothing changes; None: plain."""

    def __enter__(self) -> "WeightedAttention":
        self._before = [layer.processor for layer in self._layers]
        for layer, before in zip(self._layers, self._before, strict=True):
            layer.set_processor(_Processor(self, before))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for layer, before in zip(self._layers, self._before, strict=True):
            layer.set_processor(before)
        self.weights = None


@dataclass(frozen=True)
class Reweighting:
    """What a sampler needs to weight the attention of its steps.

    Attributes:
        attention: the prior's layers.
        weights: from noisy latents and the clean ones that the step before predicted (None in the
            first step), the weights ``(B, 1, H, W)`` of the coming step; None leaves it plain.
    """

    attention: WeightedAttention
    weights: Callable[[Tensor, Tensor | None], Tensor | None]


class _Processor:
    """diffusers' attention with a weight for each pixel, or as it was without weights."""

    def __init__(self, state: WeightedAttention, before: Any) -> None:
        self._state = state
        self._before = before

    def __call__(
        self,
        attention: "Attention",
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        weights = self._state.weights
        if weights is None or encoder_hidden_states is None:
            plain: Tensor = self._before(
                attention, hidden_states, encoder_hidden_states, attention_mask, temb
            )
            return plain
        batch, pixels, _ = hidden_states.shape
        side = round(pixels**0.5)
        each = F.adaptive_avg_pool2d(weights.to(hidden_states), side).view(batch, pixels, 1)
        each = each.repeat_interleave(attention.heads, dim=0)
        query = attention.head_to_batch_dim(attention.to_q(hidden_states))
        key = attention.head_to_batch_dim(attention.to_k(encoder_hidden_states))
        value = attention.head_to_batch_dim(attention.to_v(encoder_hidden_states))
        if self._state.target == "map":
            read = each * F.scaled_dot_product_attention(query, key, value)
        else:
            logits = torch.bmm(query, key.transpose(1, 2)) * attention.scale
            length = logits.shape[2]
            learned = length if length <= self._state.tokens else 1 + self._state.tokens
            scaled = torch.cat([each * logits[..., :learned], logits[..., learned:]], dim=2)
            read = torch.bmm(scaled.softmax(dim=2), value)
        result: Tensor = attention.to_out[0](attention.batch_to_head_dim(read))
        return result

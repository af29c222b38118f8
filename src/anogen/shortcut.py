"""The 1 x 1 convolution of a residual shortcut, with a stride."""

from torch import Tensor, nn
from torch.nn import functional


class Shortcut(nn.Conv2d):
    """Convolution of 1 x 1 that takes every ``stride``-th pixel first, then mixes channels.

    The same function as ``nn.Conv2d(channels_in, channels_out, 1, stride, bias=False)``, under the
    same names. That one's gradient, as PyTorch 2.13 computes it on CPUs with AVX-512, writes past
    the end of its buffer for channels-last inputs of up to eight channels when the threads do not
    divide the batch: the process dies, now or later.
    """

    def __init__(self, channels_in: int, channels_out: int, *, stride: int) -> None:
        super().__init__(channels_in, channels_out, 1, stride, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        """``(B, C, h, w)`` to ``(B, C', ceil(h / stride), ceil(w / stride))``."""
        down, across = self.stride
        return functional.conv2d(input[:, :, ::down, ::across], self.weight)

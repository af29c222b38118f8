import subprocess
import sys

import pytest
import torch
from torch import nn

from anogen.shortcut import Shortcut

TRAINS = """
import torch
from anogen.shortcut import Shortcut
torch.set_num_threads(2)
layer = Shortcut(8, 16, stride=2)
for _ in range(200):
    images = torch.randn(3, 8, 16, 16).to(memory_format=torch.channels_last).requires_grad_()
    layer(images).square().sum().backward()
"""


@pytest.mark.parametrize(("size", "stride"), [((6, 8), 2), ((7, 5), 2), ((5, 4), 1), ((9, 9), 3)])
def test_shortcut_is_the_strided_convolution(size: tuple[int, int], stride: int) -> None:
    layer, plain = Shortcut(4, 6, stride=stride), nn.Conv2d(4, 6, 1, stride, bias=False)
    plain.load_state_dict(layer.state_dict())
    images = torch.randn(2, 4, *size)
    torch.testing.assert_close(layer(images), plain(images))


def test_threads_that_do_not_divide_the_batch_train() -> None:
    # With nn.Conv2d in its place this process ends with a segmentation fault.
    done = subprocess.run([sys.executable, "-c", TRAINS], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr

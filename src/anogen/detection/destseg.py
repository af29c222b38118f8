"""DeSTSeg: a student learns to denoise the teacher's features; a head segments where they differ.

Zhang, Li, Li, Huang, Shan, Chen: "DeSTSeg: Segmentation guided denoising student-teacher for
anomaly detection", CVPR 2023: student (section 3.2, Eq. 1 and 2), head (3.3, Eq. 3 to 5).

Departures: the teacher may be EfficientNet-Lite0, whose channels differ from the student's, so
1x1 convolutions then bring the student's features to the teacher's channels; labels may be soft or
boxes, with the weak supervision of AnoGen; and the head starts out believing that one pixel in ten
is anomalous (Lin et al., focal loss, section 3.3), which saves a short training its first third.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from anogen.detection.contract import Batch
from anogen.detection.losses import cosine_loss, focal_loss
from anogen.detection.network_detector import NetworkDetector
from anogen.detection.settings import DeSTSegSettings
from anogen.detection.teacher import BasicBlock, ResNet18, make_teacher
from anogen.detection.weak import loss_weights, small_defect_weights, weighted_mean

_RATES = (6, 12, 18)
"""Dilations of the pyramid (DeSTSeg's code; DeepLabv3's for stride 16)."""

_PRIOR_LOGIT = -2.2
"""Log odds of one anomalous pixel in ten."""


class Student(nn.Module):
    """A ResNet-18 encoder and a decoder back to strides 16, 8 and 4.

    Args:
        width: channels of the first stage; 64 in the paper.
        channels: the teacher's channels at strides 4, 8, 16.
    """

    def __init__(self, *, width: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.encoder = ResNet18(width=width, stages=4)
        sizes = self.encoder.channels[::-1]
        self.decoder = nn.ModuleList()
        before = sizes[0]
        for size in sizes:
            self.decoder.append(nn.Sequential(BasicBlock(before, size), BasicBlock(size, size)))
            before = size
        self.heads = nn.ModuleList(
            nn.Identity() if size == wanted else nn.Conv2d(size, wanted, 1)
            for size, wanted in zip(sizes[1:], channels[::-1], strict=True)
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """The teacher's features of the clean image, at strides 4, 8, 16."""
        features = self.decoder[0](self.encoder(images)[-1])
        found = []
        for block, head in zip(self.decoder[1:], self.heads, strict=True):
            features = block(functional.interpolate(features, scale_factor=2, mode="bilinear"))
            found.append(head(features))
        return found[::-1]


class SpatialPyramid(nn.Module):
    """Atrous spatial pyramid pooling (Chen et al., DeepLabv3, 2017)."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList([_normalised(channels_in, channels, 1)])
        for rate in _RATES:
            self.branches.append(_normalised(channels_in, channels, 3, dilation=rate))
        self.pooled = _normalised(channels_in, channels, 1)
        self.project = _normalised(channels * (len(_RATES) + 2), channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """``(B, C, h, w)`` to ``(B, channels, h, w)``."""
        found = [branch(features) for branch in self.branches]
        pooled = self.pooled(features.mean(dim=(2, 3), keepdim=True))
        found.append(pooled.expand(-1, -1, *features.shape[2:]))
        projected: Tensor = self.project(torch.cat(found, dim=1))
        return projected


def _normalised(
    channels_in: int, channels_out: int, kernel: int, *, dilation: int = 1
) -> nn.Sequential:
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(
            channels_in, channels_out, kernel, padding=padding, dilation=dilation, bias=False
        ),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


class SegmentationHead(nn.Module):
    """Two residual blocks, the pyramid, and the last layers; a logit for each place."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            BasicBlock(channels_in, channels), BasicBlock(channels, channels)
        )
        self.last = nn.Sequential(
            SpatialPyramid(channels, channels),
            _normalised(channels, channels, 3),
        )
        self.logit = nn.Conv2d(channels, 1, 1)

    def forward(self, products: Tensor) -> Tensor:
        """``(B, C, h, w)`` products of features to logits ``(B, 1, h, w)``."""
        logits: Tensor = self.logit(self.last(self.residual(products)))
        return logits


class DeSTSegNetwork(nn.Module):
    """Teacher, student and head."""

    def __init__(self, settings: DeSTSegSettings) -> None:
        super().__init__()
        self.teacher = make_teacher(settings.teacher)
        channels = self.teacher.channels
        self.student = Student(width=settings.width, channels=channels)
        self.head = SegmentationHead(sum(channels), settings.head_width)

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``(B, 1, S / 4, S / 4)`` of normalised images."""
        with torch.no_grad():
            products = [
                -functional.normalize(expected, dim=1) * functional.normalize(found, dim=1)
                for expected, found in zip(self.teacher(images), self.student(images), strict=True)
            ]
            size = products[0].shape[2:]
            joined = torch.cat(
                [functional.interpolate(part, size, mode="bilinear") for part in products], dim=1
            )
        logits: Tensor = self.head(joined)
        return logits


class DeSTSegDetector(NetworkDetector[DeSTSegSettings]):
    """DeSTSeg in two stages of one training: first the student, then the head."""

    name = "destseg"
    network: DeSTSegNetwork

    def build(self) -> nn.Module:
        """The network: the teacher's weights, student and head freshly initialised."""
        network = DeSTSegNetwork(self.settings)
        for module in (*network.student.modules(), *network.head.modules()):
            # The last layer keeps torch's start: scaled by its one output it would saturate.
            if isinstance(module, nn.Conv2d) and module.out_channels > 1:
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.constant_(network.head.logit.get_parameter("bias"), _PRIOR_LOGIT)
        return network

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Student, residual blocks and last layers, each with its own rate."""
        settings, network = self.settings, self.network
        head = network.head
        last = [*head.last.parameters(), *head.logit.parameters()]
        return [
            {"params": list(network.student.parameters()), "lr": settings.learning_rate},
            {"params": list(head.residual.parameters()), "lr": settings.residual_learning_rate},
            {"params": last, "lr": settings.head_learning_rate},
        ]

    @property
    def trains_student(self) -> bool:
        """Whether the next step is one of the first stage."""
        assert self.settings.steps is not None
        return self.steps_done < round(self.settings.student_share * self.settings.steps)

    def train_mode(self) -> None:
        """Only what is being trained is in training mode (the student rests in stage two)."""
        self.network.student.train(self.trains_student)
        self.network.head.train(not self.trains_student)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cosine distances (stage one), or focal and L1 loss of the segmentation (stage two)."""
        image = self.network.teacher.normalise(batch.image)
        if not self.trains_student:
            return self._segmentation_losses(image, batch)
        with self.autocast():
            with torch.no_grad():
                clean = self.network.teacher(self.network.teacher.normalise(batch.normal))
            found = self.network.student(image)
        return {
            "cosine": torch.stack(
                [
                    cosine_loss(expected.float(), part.float())
                    for expected, part in zip(clean, found, strict=True)
                ]
            ).sum()
        }

    def _segmentation_losses(self, image: Tensor, batch: Batch) -> dict[str, Tensor]:
        settings = self.settings
        with self.autocast():
            logits = self.network(image)
        probability = torch.sigmoid(logits.float())
        # By area: a bilinear sample would lose defects that are thinner than a cell.
        mask = functional.interpolate(batch.mask, probability.shape[2:], mode="area")
        if settings.binarise:
            mask = (mask >= 0.5).to(mask.dtype)
        weights = loss_weights(
            probability, mask, batch.weak, tau=settings.tau, scope=settings.weak_scope
        )
        normalisation = settings.loss_normalisation
        focal = focal_loss(probability, mask, gamma=settings.focal_gamma)
        focal = focal * small_defect_weights(mask, settings.small_defects)
        l1 = (probability - mask).abs()
        filtered = weights if settings.filter_l1 else torch.ones_like(weights)
        return {
            "focal": weighted_mean(focal, weights, normalisation=normalisation),
            "l1": weighted_mean(l1, filtered, normalisation=normalisation),
        }

    def probability(self, images: Tensor) -> Tensor:
        """``(B, 1, S, S)`` probability of an anomaly at each pixel of uint8 images."""
        with self.autocast():
            logits = self.network(self.network.teacher.normalise(images))
        probability = torch.sigmoid(logits.float())
        return functional.interpolate(probability, images.shape[2:], mode="bilinear")

    def weights(self) -> dict[str, Tensor]:
        """Student and head; the frozen teacher stays where it came from."""
        return {
            name: value
            for name, value in self.network.state_dict().items()
            if not name.startswith("teacher.") or self.settings.teacher == "random"
        }

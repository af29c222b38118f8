"""A training state (weights, averaged weights, Adam moments, step) as one safetensors file."""

import math
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from anogen.files import write_bytes


class TrainingState:
    """Weights with their exponential moving average and Adam's moments; exact to resume.

    Args:
        modules: named modules that train together.
        learning_rate: peak rate; :meth:`step` scales it.
        decay: of the moving average; shortened while training is young.
        weight_decay: decoupled, of AdamW.
    """

    def __init__(
        self,
        modules: dict[str, nn.Module],
        *,
        learning_rate: float,
        decay: float = 0.999,
        weight_decay: float = 0.0,
    ) -> None:
        self.parameters: dict[str, nn.Parameter] = {
            f"{prefix}.{name}": parameter
            for prefix, module in modules.items()
            for name, parameter in module.named_parameters()
        }
        self.average = {name: p.detach().clone() for name, p in self.parameters.items()}
        self.learning_rate = learning_rate
        self.decay = decay
        self.done = 0
        self.optimizer = torch.optim.AdamW(
            list(self.parameters.values()),
            lr=learning_rate,
            weight_decay=weight_decay,
            betas=(0.9, 0.99),
        )

    def step(self, loss: Tensor, *, rate: float) -> None:
        """One optimiser step at ``rate`` times the learning rate, then the average follows."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate * rate
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(list(self.parameters.values()), 1.0)
        self.optimizer.step()
        self.done += 1
        decay = min(self.decay, (1 + self.done) / (10 + self.done))
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.average.values()),
                [p.detach() for p in self.parameters.values()],
                1 - decay,
            )

    def averaged(self, prefix: str) -> dict[str, Tensor]:
        """The averaged weights of one module, as its ``load_state_dict`` wants them."""
        start = f"{prefix}."
        return {k[len(start) :]: v for k, v in self.average.items() if k.startswith(start)}

    def save(self, path: Path) -> None:
        """Write everything atomically."""
        tensors = {"done": torch.tensor(self.done)}
        moments = self.optimizer.state
        for name, parameter in self.parameters.items():
            tensors[f"weights/{name}"] = parameter.detach().contiguous()
            tensors[f"average/{name}"] = self.average[name].contiguous()
            if parameter in moments:
                tensors[f"first/{name}"] = moments[parameter]["exp_avg"].contiguous()
                tensors[f"second/{name}"] = moments[parameter]["exp_avg_sq"].contiguous()
        write_bytes(path, save(tensors))

    def load(self, path: Path) -> None:
        """The inverse of :meth:`save`."""
        tensors = load_file(path)
        self.done = int(tensors["done"])
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(tensors[f"weights/{name}"])
                self.average[name].copy_(tensors[f"average/{name}"])
                if f"first/{name}" in tensors:
                    self.optimizer.state[parameter] = {
                        "step": torch.tensor(float(self.done)),
                        # In the parameter's memory layout, as AdamW itself makes them: other
                        # layouts add up in another order.
                        "exp_avg": torch.empty_like(parameter).copy_(tensors[f"first/{name}"]),
                        "exp_avg_sq": torch.empty_like(parameter).copy_(tensors[f"second/{name}"]),
                    }


def cosine(step: int, steps: int, *, warm: int) -> float:
    """A rate that rises for ``warm`` steps and falls along a cosine to a fiftieth."""
    return min(1.0, (step + 1) / warm) * (0.02 + 0.49 * (1 + math.cos(math.pi * step / steps)))

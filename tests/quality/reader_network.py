"""The verifier's reader as a network that learns; `Reader` runs what comes of it without torch."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.semantic.minilm.graph import DIMENSIONS, MAX_PAIR_TOKENS
from workers.semantic.minilm.weights import Weights
from workers.semantic.verifier.adapter import ADDED, DOWN, UP, Adapter

LAYERS, HEADS, INNER = 6, 12, 64
OMITTED = 0.1
_EPSILON = 1e-12
_NEVER = -1e4
_PARTS = ("embeddings.", "encoder.")
_FROZEN = ("embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight")


class ReaderNetwork(nn.Module):  # type: ignore[misc] # torch is not installed where types are checked
    """The sentence model on two texts in one row, and two layers over its states: log odds of one answer."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self._start = {name: np.asarray(array) for name, array in weights.items()}
        kept = {n: a for n, a in weights.items() if n.startswith(_PARTS) and n.endswith((".weight", ".bias"))}
        self.model = nn.ParameterDict(
            {_key(n): nn.Parameter(torch.tensor(a), requires_grad=n not in _FROZEN) for n, a in kept.items()}
        )
        self.inner = nn.Linear(5 * DIMENSIONS, INNER)
        self.outer = nn.Linear(INNER, 1)

    def forward(self, tokens: Tensor, segments: Tensor) -> Tensor:
        """Judge pairs: tokens [pairs, length], 0 where there is none, and segments; log odds [pairs]."""
        real = tokens != 0
        places = self._of("embeddings.position_embeddings.weight")[:MAX_PAIR_TOKENS][: tokens.shape[1]]
        kinds = self._of("embeddings.token_type_embeddings.weight")
        states = self._of("embeddings.word_embeddings.weight")[tokens] + places
        states = states + kinds[0] + segments[..., None] * (kinds[1] - kinds[0])
        states = self._omitted(self._normalised(states, "embeddings.LayerNorm"))
        unread = ((~real).float() * _NEVER)[:, None, None, :]
        for layer in range(LAYERS):
            states = self._layer(states, unread, f"encoder.layer.{layer}")
        first, second = (_mean(states, real & (segments == side)) for side in (0, 1))
        apart = first - second
        pooled = torch.cat([states[:, 0], first + second, apart.abs(), first * second, apart**2], -1).float()
        hidden = functional.gelu(self.inner(pooled), approximate="tanh")
        odds: Tensor = self.outer(functional.dropout(hidden, OMITTED, self.training))[:, 0]
        return odds

    def adopt(self, adapter: Adapter) -> None:
        """Go on from what was learned before; the outer bias is learned anew, since the blend has it."""
        with torch.no_grad():
            for name, weight in adapter.applied(self._start).items():
                if _key(name) in self.model:
                    self.model[_key(name)].copy_(torch.tensor(weight))
            self.inner.weight.copy_(torch.tensor(adapter.inner.T))
            self.inner.bias.copy_(torch.tensor(adapter.inner_bias))
            self.outer.weight.copy_(torch.tensor(adapter.outer[None]))
            self.outer.bias.zero_()

    def adapter(self, rank: int, blend: np.ndarray[Any, Any]) -> Adapter:
        """What has changed since the start, matrices to this rank; the outer bias goes into the blend."""
        changes: dict[str, np.ndarray[Any, Any]] = {}
        for key, parameter in self.model.items():
            name = key.replace("/", ".")
            change = parameter.detach().numpy() - self._start[name]
            if name in _FROZEN:
                continue
            if change.ndim == 1 or min(change.shape) <= rank:
                changes[ADDED + name] = change
            else:
                left, size, right = np.linalg.svd(change, full_matrices=False)
                root = np.sqrt(size[:rank])
                changes[UP + name], changes[DOWN + name] = left[:, :rank] * root, root[:, None] * right[:rank]
        offset = blend[0] * float(self.outer.bias.detach()[0])
        return Adapter(
            changes=changes,
            inner=self.inner.weight.detach().numpy().T,
            inner_bias=self.inner.bias.detach().numpy(),
            outer=self.outer.weight.detach().numpy()[0],
            blend=(blend + np.array([0, 0, 0, offset])).astype(np.float32),
        )

    def _layer(self, states: Tensor, unread: Tensor, prefix: str) -> Tensor:
        attended = self._dense(
            self._attended(states, unread, f"{prefix}.attention.self"), f"{prefix}.attention.output.dense"
        )
        states = self._normalised(states + self._omitted(attended), f"{prefix}.attention.output.LayerNorm")
        wide = functional.gelu(self._dense(states, f"{prefix}.intermediate.dense"))
        narrow = self._dense(wide, f"{prefix}.output.dense")
        return self._normalised(states + self._omitted(narrow), f"{prefix}.output.LayerNorm")

    def _attended(self, states: Tensor, unread: Tensor, prefix: str) -> Tensor:
        # Written out: the fused attention's way back takes half of all time on a processor.
        query, key, value = (
            self._dense(states, f"{prefix}.{part}").unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        likely = torch.softmax(
            query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5 + unread, -1, torch.float32
        )
        return (likely.to(value.dtype) @ value).transpose(1, 2).flatten(2)

    def _omitted(self, states: Tensor) -> Tensor:
        """Leave out whole features of a pair: one draw for all its tokens, which is cheap."""
        if not self.training:
            return states
        kept = torch.rand(states.shape[0], 1, states.shape[2]) > OMITTED
        return states * kept.to(states.dtype) / (1 - OMITTED)

    def _dense(self, states: Tensor, name: str) -> Tensor:
        return functional.linear(states, self._of(f"{name}.weight"), self._of(f"{name}.bias"))

    def _normalised(self, states: Tensor, name: str) -> Tensor:
        weight, bias = self._of(f"{name}.weight"), self._of(f"{name}.bias")
        return functional.layer_norm(states, (DIMENSIONS,), weight, bias, _EPSILON)

    def _of(self, name: str) -> Tensor:
        return self.model[_key(name)]


def _key(name: str) -> str:
    return name.replace(".", "/")  # a module's names have no dots


def _mean(states: Tensor, chosen: Tensor) -> Tensor:
    mask = chosen.to(states.dtype)
    return (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)

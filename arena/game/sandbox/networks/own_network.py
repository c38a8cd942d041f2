"""A network of a stranger's own code: here its tensors, in a sandbox its forward pass, every time.

Only for thieves that may deliver a `network`. One process answers the referee's questions and the
verifier's: in messages of one size, in which what was asked is mixed with inputs of the exam, in
an order of the referee's. So its code cannot tell for whom it answers but by the inputs themselves.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Mapping
from typing import Any, cast

import torch
from scipy.stats import binomtest
from torch import Tensor, nn

from arena.errors import InvalidDeliverable, ModelError, PlayerError
from arena.game.sandbox.messages import TYPES, check_finite
from arena.game.sandbox.networks.cards import FAMILY, is_own
from arena.game.sandbox.players_file import PlayersFile
from arena.game.sandbox.process import PlayerProcess
from arena.world.bundle import Bundle
from arena.world.json_values import Json, Raw
from arena.world.models.model import Model
from arena.world.models.registry import Builder, architectures, family, make_body
from arena.world.rng import Rng

MESSAGE = 64  # inputs in one message, of which at most half were asked for
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
_MOST_TENSORS = 2_000
_homes: dict[str, PlayersFile] = {}  # by the version of the file


def keep_home(file: PlayersFile) -> None:
    """Remember a stranger's file: networks of its code can be asked from here on."""
    _homes[file.version] = file


def named(bundle: Bundle, file: PlayersFile) -> Bundle:
    """Return what a thief delivered, its network named after the file whose code it is.

    Raises:
        InvalidDeliverable: it names the code of another file.
    """
    parts = dict(bundle.data.get("parts") or {})
    if isinstance(parts.get("model"), dict) and isinstance(parts["model"].get("card"), dict):
        parts["model"] = {**parts["model"], "card": _named(parts["model"]["card"], file)}
    return Bundle({**bundle.data, "parts": parts}, bundle.tensors)


def _named(card: Mapping[str, Raw], file: PlayersFile) -> dict[str, Raw]:
    name = str(card.get("architecture"))
    if name in architectures() or (":" in name and not is_own(name)):
        return dict(card)
    own = f"{FAMILY}:{file.version}/"
    if is_own(name) and not name.startswith(own):
        raise InvalidDeliverable("expected a network of the thief's own file, found another's")
    return {**card, "architecture": own + name.removeprefix(own)}


@family(FAMILY)
def stranger_builder(rest: str) -> Builder:
    """Return the builder of a network of a stranger's code, which runs in a sandbox.

    Inside of that sandbox it is the code itself, which is registered there.

    Raises:
        ModelError: the file with its code is not part of what is played.
    """
    version, _, name = rest.partition("/")
    if not _NAME.fullmatch(name):
        raise ModelError("expected a network named in letters, digits and -._+, found another")
    home = _homes.get(version)
    if home is None and name not in architectures():
        raise ModelError(f"{name} is a network of a stranger's file that is not played here")

    def build(shape: tuple[int, ...], n_classes: int, **arguments: Json) -> nn.Module:
        if home is None:
            return make_body(name, arguments, shape, n_classes)
        what: dict[str, Json] = {"name": name, "arguments": dict(arguments)}
        return OwnNetwork(home, {**what, "shape": list(shape), "n_classes": n_classes})

    return build


class OwnNetwork(nn.Module):
    """The body of a model whose network is a stranger's: it holds tensors and asks a process."""

    def __init__(self, home: PlayersFile, what: Mapping[str, Json]) -> None:
        """Ask for the form of its tensors.

        Raises:
            ModelError: its code builds no network, or one of a strange form.
        """
        super().__init__()
        self._home, self._what = home, dict(what)
        self._process: PlayerProcess | None = None
        self._exam: Tensor | None = None
        self.given: list[tuple[Tensor, Tensor]] = []  # indices into the exam, rows of logits
        try:
            form = self._opened().do("form", Bundle(self._what)).data["tensors"]
            if len(form) > _MOST_TENSORS:
                raise ModelError(f"expected at most {_MOST_TENSORS} tensors, found {len(form)}")
            for name, shape, dtype, learnt in form:
                _hold(self, str(name).split("."), _blank(shape, dtype), learnt=bool(learnt))
        except ModelError:
            raise
        except Exception as error:  # a stranger's words can break a reader in any way
            raise ModelError(f"a stranger's network cannot be built ({error})") from error

    def _opened(self) -> PlayerProcess:
        if self._process is None:
            self._process = self._home.process()
            weakref.finalize(self, self._process.close)
        return self._process

    def __deepcopy__(self, memo: dict[int, Any]) -> OwnNetwork:
        """Return a network of the same tensors, with a process of its own."""
        other = OwnNetwork(self._home, self._what)
        state = {name: tensor.detach().clone() for name, tensor in self.state_dict().items()}
        other.load_state_dict(state, assign=True)
        return other

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (B, C) that its process gives; mixed with the exam, if it has one."""
        process = self._opened()
        if not getattr(self, "_loaded", False):
            process.do("load", Bundle(self._what, _plain(self.state_dict())))
            self._loaded = True
        rows = [self._mixed(part) for part in x.detach().cpu().split(MESSAGE // 2)]
        return torch.cat(rows).to(x.device)

    def mix_with(self, exam: Tensor, rng: Rng) -> None:
        """Mix all further questions with inputs (N, ...) of the exam, as the network reads them."""
        self._exam, self._draws = exam.detach().cpu(), rng.numpy()

    def _mixed(self, asked: Tensor) -> Tensor:
        if self._exam is None:
            return self._ask(asked)
        chosen = self._draws.integers(len(self._exam), size=MESSAGE - len(asked))
        batch = torch.cat([asked, self._exam[torch.from_numpy(chosen)].to(asked.dtype)])
        order = torch.from_numpy(self._draws.permutation(len(batch)))
        rows = torch.empty(len(batch), self.n_classes, dtype=asked.dtype)
        rows[order] = self._ask(batch[order])
        self.given.append((torch.from_numpy(chosen), rows[len(asked) :]))
        return rows[: len(asked)]

    @property
    def n_classes(self) -> int:
        """How many classes it tells apart."""
        return cast(int, self._what["n_classes"])

    def _ask(self, inputs: Tensor) -> Tensor:
        found = self._opened().do("forward", Bundle(tensors={"inputs": inputs.contiguous()}))
        rows = check_finite(found, "a network's answers").tensors.get("rows")
        if rows is None or tuple(rows.shape) != (len(inputs), self.n_classes):
            raise PlayerError("expected a row of logits for each input from a stranger's network")
        return rows.to(inputs.dtype)


def own_network(model: Model | None) -> OwnNetwork | None:
    """Return the stranger's network that a model is, None where it is none."""
    body = None if model is None else model.body
    return body if isinstance(body, OwnNetwork) else None


def _plain(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}


def _blank(shape: Raw, dtype: str) -> Tensor:
    known = {str(kind).removeprefix("torch."): kind for kind in TYPES}
    return torch.empty([int(size) for size in shape], dtype=known[dtype], device="meta")


def _hold(module: nn.Module, path: list[str], tensor: Tensor, *, learnt: bool) -> None:
    """Put a tensor where its name says."""
    *steps, last = path
    for step in steps:
        if step not in dict(module.named_children()):
            module.add_module(step, nn.Module())
        module = module.get_submodule(step)
    if learnt and tensor.is_floating_point():
        module.register_parameter(last, nn.Parameter(tensor))
    else:
        module.register_buffer(last, tensor)


def worse_while_verified(before: Tensor, after: Tensor) -> float:
    """Return how surprising it is that answers were worse before than after, as a p-value.

    Args:
        before: (N,) bool, whether each answer was right, given while the network was verified.
        after: (N,) the same for the same inputs, given in the exam.
    """
    worse, better = int((before < after).sum()), int((before > after).sum())
    if worse + better == 0:
        return 1.0
    return float(binomtest(worse, worse + better, 0.5, alternative="greater").pvalue)

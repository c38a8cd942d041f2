"""Networks as policies: plain layers in safetensors, and a form that says what goes in and out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from arena.errors import ScenarioError, StoreError
from arena.game.envs.actions import Menu, Pick
from arena.game.envs.learned_agent import Learned, Policy
from arena.game.envs.observations import ThiefSight, Vector
from arena.game.rules.threat import ThreatModel
from arena.game.sides.attack import attacks
from arena.game.sides.player import PlayerSpec
from arena.world.files.atomic_write import write_whole
from arena.world.json_values import Frozen

FILE = "learned.safetensors"

Array = npt.NDArray[np.float32]


class NetworkForm(Frozen):
    """What a network chooses from, and what it sees.

    Attributes:
        activation: between its layers.
        menu: the players that it chooses from, each at `n_strengths` strengths.
        n_rounds: how many choices it makes.
        observation: what each number that it sees is, all of them in [0, 1].
    """

    activation: Literal["tanh", "relu"]
    menu: tuple[PlayerSpec, ...] = Field(min_length=1)
    n_strengths: int = Field(ge=1)
    n_rounds: int = Field(ge=1)
    observation: tuple[str, ...] = Field(min_length=1)

    @property
    def n_choices(self) -> int:
        """Return how many choices there are: a player of the menu at a strength."""
        return len(self.menu) * self.n_strengths


@dataclass(frozen=True)
class Network:
    """A stack of linear layers; what it chooses is its greatest output.

    Attributes:
        form: what goes in and out. weights: (n_out, n_in) of each layer. biases: (n_out,).
    """

    form: NetworkForm
    weights: tuple[Array, ...]
    biases: tuple[Array, ...]

    def choose(self, row: Vector) -> int:
        """Return the position of a choice among the menu's, for an observation (n,)."""
        values = row
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if i:
                values = np.tanh(values) if self.form.activation == "tanh" else values.clip(0)
            values = weight @ values + bias
        return int(values.argmax())


def policy_of(network: Network, menu: Menu) -> Policy:
    """Return a network as a policy over the menu that it learnt with."""

    def policy(row: Vector) -> Pick:
        return menu.pick(network.choose(row))

    return policy


def agent_of(network: Network, grants: ThreatModel) -> Learned:
    """Return a network as an agent that plays matches under a threat model.

    Raises:
        ScenarioError: under it a thief sees other things than the network learnt to see.
        RegistryError: a player of its menu is not known, or does not take its settings.
    """
    form = network.form
    menu = Menu(attacks, form.menu, form.n_strengths)
    sight = ThiefSight(grants, menu, form.n_rounds)
    if sight.names != form.observation:
        raise ScenarioError(
            [
                "expected the threat model that the thief learnt under, in which it sees "
                f"{', '.join(form.observation)}; found one in which it sees "
                f"{', '.join(sight.names)}"
            ]
        )
    return Learned(policy_of(network, menu), menu, sight, form.n_rounds)


def write_network(folder: Path, network: Network) -> None:
    """Write the layers into a folder.

    Raises:
        StoreError: they cannot be written.
    """
    tensors: dict[str, Array] = {}
    for i, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        tensors |= {f"{i}.weight": weight, f"{i}.bias": bias}
    try:
        write_whole(folder / FILE, save(tensors))
    except OSError as error:
        raise StoreError(f"{folder / FILE} cannot be written ({error.strerror})") from error


def read_network(folder: Path, form: NetworkForm) -> Network:
    """Return the network in a folder.

    Raises:
        ScenarioError: its layers are not there, or are not those of the form.
    """
    path = folder / FILE
    try:
        tensors = load_file(path)
        n = len(tensors) // 2
        weights = tuple(tensors.pop(f"{i}.weight") for i in range(n))
        biases = tuple(tensors.pop(f"{i}.bias") for i in range(n))
        problem = "other tensors beside" if tensors else _problem(form, weights, biases)
    except (OSError, SafetensorError, KeyError) as error:
        problem = f"{type(error).__name__}: {error}"
    if problem:
        raise ScenarioError(
            [f"expected the layers of a learned player in {path}, found {problem}; train it again"]
        )
    return Network(form, weights, biases)


def _problem(form: NetworkForm, weights: tuple[Array, ...], biases: tuple[Array, ...]) -> str:
    """Return why layers are not those of a form; "" where they are."""
    if any(tensor.dtype != np.float32 for tensor in (*weights, *biases)):
        return "numbers that are not float32"
    if any(
        weight.ndim != 2 or bias.ndim != 1 for weight, bias in zip(weights, biases, strict=True)
    ):
        return "layers that are not linear"
    ends = [len(form.observation), *(len(bias) for bias in biases)]
    shapes = [weight.shape[::-1] for weight in weights]
    if shapes != [*pairwise(ends)] or ends[-1] != form.n_choices:
        return f"layers of the shapes {shapes} for {ends[0]} inputs and {form.n_choices} choices"
    if not all(np.isfinite(tensor).all() for tensor in (*weights, *biases)):
        return "numbers that are not finite"
    return ""

"""Rewriting a model's units: permuted, scaled, sign-flipped, split, padded, pruned. Always a copy.

All functions take any number of groups at once, of one `LayerGraph.of(model)`; the model that
they are given is not changed. All but a pruning `rebuild` keep the function of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from arena.errors import ArenaError
from arena.world.graph import edit
from arena.world.graph.edit import State
from arena.world.graph.groups import Group
from arena.world.graph.plan import Plan
from arena.world.graph.trace import LayerGraph
from arena.world.models import Model, restore


def permute(model: Model, orders: Mapping[Group, Tensor]) -> Model:
    """Return the model with units in another order; the same function.

    Args:
        model: any classifier.
        orders: group -> (n_units,) a permutation; unit u of the result is unit `order[u]`.

    Raises:
        ArenaError: not a permutation of the group's units, or a group of another model.
    """
    for group, order in orders.items():
        if sorted(order.tolist()) != list(range(group.n_units)):
            raise ArenaError(
                f"an order of {group.name} lists each of its {group.n_units} units once; "
                "use torch.randperm"
            )
    return _rewritten(model, orders, edit.permute)


def scale(model: Model, factors: Mapping[Group, Tensor]) -> Model:
    """Return the model with the outputs of units multiplied, undone by their consumers.

    The factors enter behind the normalisation, where there is one, so that its epsilon does not
    matter.

    Args:
        model: any classifier.
        factors: group -> (n_units,) above 0; of either sign where the group `is_odd`.

    Raises:
        ArenaError: the group does not allow it, or is that of another model.
    """
    for group, factor in factors.items():
        _demand(group.may_scale, group, "be scaled")
        _check_length(group, factor)
        if not bool(((factor > 0) | ((factor < 0) & torch.tensor(group.is_odd))).all()):
            raise ArenaError(f"factors of {group.name} are above 0; draw them log-uniformly")
    return _rewritten(model, factors, edit.scale)


def flip(model: Model, signs: Mapping[Group, Tensor]) -> Model:
    """Return the model with the signs of units' incoming weights reversed.

    Producers with a normalisation directly behind them are flipped, and the normalisation undoes
    it; others only where the activation is odd and no producer of the group has a normalisation.

    Args:
        model: any classifier.
        signs: group -> (n_units,) of -1 and 1.

    Raises:
        ArenaError: the group does not allow it, or is that of another model.
    """
    for group, sign in signs.items():
        _demand(group.may_flip, group, "be flipped")
        _check_length(group, sign)
        if not bool((sign.abs() == 1).all()):
            raise ArenaError(f"signs of {group.name} are -1 or 1; round them")
    return _rewritten(model, signs, edit.flip)


def rebuild(model: Model, plans: Mapping[Group, Plan]) -> Model:
    """Return the model with the units that the plans list; its card says `resized` if need be.

    Args:
        model: any classifier.
        plans: group -> plan; a plan of kept units prunes, one with copies obfuscates.

    Raises:
        ArenaError: the group does not allow it, or is that of another model.
    """
    for group, plan in plans.items():
        _demand(group.may_resize, group, "be resized")
        if not plan.fits(group.n_units):
            raise ArenaError(
                f"a plan for {group.name} makes at least one unit out of {group.n_units}, found "
                f"a table of {tuple(plan.outgoing.shape)}; start from Plan.keep(group.n_units)"
            )
    state, graph = _state(model), LayerGraph(tuple(plans))
    for group, plan in plans.items():
        edit.rebuild(state, graph[group.name], plan)
        graph = graph.resized(group.name, len(plan.index))
    return _restored(model, state)


def expand_kernel(model: Model, layers: Iterable[str], rim: int = 1) -> Model:
    """Return the model with a rim of zeros around the kernels of convolutions: k -> k + 2 rim.

    Args:
        model: any classifier.
        layers: names of convolutions, as in `model.named_modules()`.
        rim: width of the rim.

    Raises:
        ArenaError: a name is not that of a convolution with padding in numbers.
    """
    state = _state(model)
    for layer in layers:
        conv = dict(model.named_modules()).get(layer)
        if not isinstance(conv, nn.Conv2d) or conv.padding == "valid":
            raise ArenaError(
                f"only convolutions with padding in numbers can grow, {layer!r} is none; "
                "take names from arena.world.layers.convolutions"
            )
        state[f"{layer}.weight"] = pad(state[f"{layer}.weight"], (rim,) * 4)
    return _restored(model, state)


def _rewritten(
    model: Model,
    values: Mapping[Group, Tensor],
    change: Callable[[State, Group, Tensor], None],
) -> Model:
    state = _state(model)
    for group, value in values.items():
        change(state, group, value)
    return _restored(model, state)


def _restored(model: Model, state: State) -> Model:
    """Return a model like `model` with other tensors; its card says whether shapes differ."""
    resized = any(state[name].shape != tensor.shape for name, tensor in model.state_dict().items())
    card = model.card.model_copy(update={"resized": model.card.resized or resized})
    return restore(card, state)


def _state(model: Model) -> State:
    return {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}


def _demand(allowed: bool, group: Group, what: str) -> None:
    if not allowed:
        raise ArenaError(
            f"the channels of {group.name} cannot {what} without changing the function; "
            "ask the group first"
        )


def _check_length(group: Group, values: Tensor) -> None:
    if values.shape != (group.n_units,):
        raise ArenaError(
            f"{group.name} has {group.n_units} units, found values of shape {tuple(values.shape)}"
        )

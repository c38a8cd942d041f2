"""Calls of modules: one that runs several times in a forward pass has a name for each time.

The first call of the module `layer1.0.relu` is `layer1.0.relu`, the second `layer1.0.relu#2`.
Whoever reads activations names calls, and finds them through this one mechanism.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from torch import Tensor, nn

from arena.errors import ArenaError

_MARK = "#"

Heard = Callable[[str, nn.Module, tuple[object, ...], object], None]
"""Told of a call: its name, the module, its inputs and its output."""


def call_name(module: str, number: int) -> str:
    """Return the name of a module's call; the first is number 1.

    >>> call_name("relu", 1), call_name("relu", 2)
    ('relu', 'relu#2')
    """
    return module if number == 1 else f"{module}{_MARK}{number}"


def module_of(call: str) -> str:
    """Return the name of the module that a call is of.

    >>> module_of("relu#2")
    'relu'
    """
    return call.partition(_MARK)[0]


@contextlib.contextmanager
def heard(model: nn.Module, modules: Mapping[str, nn.Module], hear: Heard) -> Iterator[None]:
    """Tell of every call of some modules while the context is open; each pass counts anew.

    Args:
        model: whose forward pass it is.
        modules: of the model, by their names.
        hear: told of each call as it ends.
    """
    counts: Counter[str] = Counter()

    def hook(name: str) -> Callable[[nn.Module, tuple[object, ...], object], None]:
        def tell(module: nn.Module, inputs: tuple[object, ...], output: object) -> None:
            counts[name] += 1
            hear(call_name(name, counts[name]), module, inputs, output)

        return tell

    handles = [module.register_forward_hook(hook(name)) for name, module in modules.items()]
    handles.append(model.register_forward_pre_hook(lambda *_: counts.clear()))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextlib.contextmanager
def captured(
    model: nn.Module,
    calls: Sequence[str],
    reduce: Callable[[Tensor], Tensor] = lambda output: output,
) -> Iterator[Mapping[str, Tensor]]:
    """Collect the outputs of calls at each forward pass while the context is open.

    Args:
        model: whose forward pass it is.
        calls: their names; those of modules are those of their first calls.
        reduce: applied to an output when its call ends, before a layer that works in place can
            change it.

    Raises:
        ArenaError: the model has no such module.
    """
    seen: dict[str, Tensor] = {}
    if not calls:
        yield seen
        return
    modules = dict(model.named_modules())
    wanted = {module_of(call) for call in calls}
    missing = sorted(wanted - set(modules))
    if missing:
        raise ArenaError(
            f"expected names of layers, found {missing[0]!r}; try one of {', '.join(modules)[:200]}"
        )

    def keep(call: str, _module: nn.Module, _inputs: object, output: object) -> None:
        if call in calls and isinstance(output, Tensor):
            seen[call] = reduce(output)

    with heard(model, {name: modules[name] for name in wanted}, keep):
        yield seen

"""Models of every form that a person brings: protected, and asked about after thefts.

    python -m benchmarks.protection.formats [NAME ...] [--out DIR]

For each: a model is trained and written as its people write it; `arena protect` marks it; then
`arena verify` is asked about the marked model, about it fine-tuned and pruned (30 % of the weights
of each matrix), and about an independent one; `arena judge` is asked about the fine-tuned one. It
prints each command, how it ended (0: not shown, 10: a copy), and the line that holds the p-value.
Digits, small models, one machine; the key is a fresh one every time.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits

from arena.runs.protect.files import write_like
from arena.view.cli import main as arena
from arena.world.models import Model, ModelCard, build, save_model
from arena.world.models.loaders import ModelFile, read_model
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task, plain_model
from arena.world.training import Examples, Recipe, Trainer
from benchmarks.common import heading, say
from tests.world.models.loaders.folders import SmallNet, hugging_face_folder, onnx_file

_PRUNED = 0.3  # share of the weights of a matrix
_NETWORK = """
from torch import nn


class Net(nn.Sequential):
    def __init__(self, width: int = 16):
        super().__init__(
            nn.Conv2d(1, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(16 * width, 10),
        )
"""


@dataclass(frozen=True)
class Case:
    """A model on disk and how the commands are told of it.

    Attributes:
        path: of the model. task: what it is for. recipe: it is trained so.
        architecture: as on a command line. protect, judge: further words of the command;
            without words for the judge it is not asked.
    """

    path: Path
    task: Task
    recipe: Recipe
    architecture: str = ""
    protect: str = ""
    judge: str | None = None

    def read(self, path: Path) -> Model:
        """Return the model in a file or a folder."""
        model = read_model(ModelFile(path, "model", self.architecture), self.task.card, "weights")
        assert model.model is not None
        return model.model

    def train(self, model: Model, seed: int, epochs: int | None = None) -> None:
        """Train a model in place, by the recipe or for so many epochs."""
        recipe = self.recipe if epochs is None else self.recipe.but(epochs=epochs)
        examples = Examples.of(self.task.splits.owner)
        Trainer(self.task.compute).train(model, examples, recipe, Rng(seed).child("training"))


def resnet18() -> Case:
    """Torchvision's ResNet-18 as a state dict, its data a folder of images by class."""
    digits, images = load_digits(), Path("images")
    for part, chosen in (("train", range(1200)), ("test", range(1200, 1797))):
        for i in chosen:
            path = images / part / str(digits.target[i]) / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            grey = Image.fromarray((digits.images[i] / 16 * 255).astype(np.uint8))
            grey.convert("RGB").resize((32, 32)).save(path)
    task, recipe = task_of("folder:images"), Recipe(epochs=6)
    case = Case(
        Path("resnet18.pt"),
        task,
        recipe,
        "torchvision:resnet18, mean = [0.5], std = [0.5]",
        protect="--epochs 3,6 --innocents 2 --innocent-epochs 3",
        judge="--quick --epochs 3 --innocents 6",
    )
    torch.save(fresh(case, "torchvision:resnet18", (0.5,) * 3, (0.5,) * 3), case.path)
    return trained(case)


def module() -> Case:
    """A network of one's own: its class in a file, its weights in another."""
    Path("net.py").write_text(_NETWORK)
    case = Case(
        Path("net.pt"),
        task_of("digits"),
        Recipe(epochs=15),
        "net.py:Net, width = 16",
        protect="--innocents 6 --innocent-epochs 15",
        judge="--quick --epochs 15",
    )
    names: dict[str, object] = {}
    exec(_NETWORK, names)  # noqa: S102 - our own, above
    with seeded():
        network = names["Net"](16)  # type: ignore[operator]
    torch.save(network.state_dict(), case.path)
    return trained(case)


def vit() -> Case:
    """A folder of transformers: a small vision transformer."""
    folder = Path("vit")
    folder.mkdir()
    with contextlib.redirect_stderr(io.StringIO()):
        hugging_face_folder(folder, "vit", hidden_size=64, num_hidden_layers=2, patch_size=2)
    case = Case(
        folder,
        task_of("digits"),
        Recipe(epochs=20),
        protect="--innocents 6 --innocent-epochs 20",
        judge="--quick --epochs 20",
    )
    return trained(case)


def onnx(protect: str = "--innocents 6 --innocent-epochs 15") -> Case:
    """A graph of ONNX: its constants are changed in place."""
    case = Case(
        Path("net.onnx"), task_of("digits"), Recipe(epochs=15), "", protect, "--quick --epochs 15"
    )
    network = SmallNet()
    card = case.task.card.model_copy(update={"mean": (0.0,), "std": (1.0,)})
    case.train(Model(card, network), 1)
    onnx_file(case.path, network=network.eval())
    return case


def fingerprint() -> Case:
    """A graph of ONNX that is known by its answers: a fingerprint leaves it as it is."""
    near = (
        "--set margin=0.5 --set lr=0.01"  # of the boundary: of this network few points go further
    )
    return onnx(f"--scheme ipguard {near} --innocents 20 --innocent-epochs 15")


def language() -> Case:
    """A small GPT of bytes, on the fables that ship."""
    arguments = {"depth": 2, "width": 64, "heads": 2}
    spec = {"data": "fables", "model": "gpt", "arguments": arguments}
    task = load_task(TaskSpec.model_validate(spec))
    recipe = Recipe.model_validate({"steps": 300, "batch": 16, "lr": 3e-3, "schedule": "cosine"})
    case = Case(Path("gpt.safetensors"), task, recipe, protect="--innocents 2 --innocent-epochs 2")
    model = build(task.card, Rng(1).child("initial"))
    case.train(model, 1)
    save_model(model, case.path)
    return case


CASES: dict[str, Callable[[], Case]] = {
    "resnet18": resnet18,
    "module": module,
    "vit": vit,
    "onnx": onnx,
    "fingerprint": fingerprint,
    "language": language,
}


def task_of(data: str) -> Task:
    """Return the task of a data set; the model is any."""
    return load_task(TaskSpec(data=data, model=plain_model(data)))


@contextlib.contextmanager
def seeded() -> Iterator[None]:
    """Let torch draw its own weights, the same ones every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def fresh(
    case: Case, architecture: str, mean: tuple[float, ...], std: tuple[float, ...]
) -> dict[str, torch.Tensor]:
    """Return the first weights of an architecture, as a state dict of its library."""
    fields = {"architecture": architecture, "arguments": {}, "mean": mean, "std": std}
    card = ModelCard.model_validate(case.task.card.plain() | fields)
    state = build(card, Rng(1).child("initial")).state_dict()
    return {name.removeprefix("body."): tensor for name, tensor in state.items()}


def trained(case: Case) -> Case:
    """Train the model that lies there, and write it back."""
    model = case.read(case.path)
    case.train(model, 1)
    write_like(case.path, model, case.path)
    return case


def suspects(case: Case, marked: Path) -> Iterator[tuple[str, Path]]:
    """Yield what is done with a marked model, and where it lies."""
    yield "marked", marked
    tuned = case.read(marked)
    case.train(tuned, 2, epochs=None if case.recipe.steps else 2)
    yield "fine-tuned", written(case, marked, tuned, "tuned")
    pruned = case.read(marked)
    with torch.no_grad():
        for weight in (p for p in pruned.parameters() if p.dim() > 1):
            least = weight.abs().flatten().kthvalue(int(_PRUNED * weight.numel()) + 1).values
            weight[weight.abs() < least] = 0
    yield "pruned", written(case, marked, pruned, "pruned")
    other = build(pruned.card, Rng(5).child("initial"))
    case.train(other, 5)
    yield "independent", written(case, marked, other, "independent")


def written(case: Case, marked: Path, model: Model, name: str) -> Path:
    """Write a suspect as the marked model was written, and return where."""
    path = Path("suspects") / name / marked.name
    write_like(marked, model, path)
    return path


def ask(words: str) -> tuple[int, str]:
    """Return how a command ended, and what it printed."""
    out, err, sys.argv = io.StringIO(), io.StringIO(), ["arena", *shlex.split(words)]
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            arena()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return code, out.getvalue() + err.getvalue()


def told(printed: str, *starts: str) -> str:
    """Return the lines that begin so, in one."""
    lines = [line.strip() for line in printed.splitlines()]
    kept = [" ".join(line.split()) for line in lines if line.startswith(starts)]
    return "; ".join(kept) or " ".join(lines)[:300]


def show(name: str) -> None:
    """Play one case in the working folder, and print what was asked and said."""
    case = CASES[name]()
    say(f"\n== {name}: {CASES[name].__doc__}\n{case.read(case.path).card.title}")
    data = case.task.spec.data
    words = f' --architecture "{case.architecture}"' if case.architecture else ""
    command = f"protect {case.path} --data {data}{words} {case.protect} --out out"
    code, printed = ask(command)
    say(f"$ arena {command}\n  [{code}] " + told(printed, "mark", "p, ", "innocents", "fidelity"))
    if code:
        return
    marked = Path("out") / case.path.name
    for done, path in suspects(case, marked):
        command = f"verify out/key {path}"
        code, printed = ask(command + words)
        say(f"$ arena {command}   # {done}\n  [{code}] " + told(printed, "p ", "Verdict", "arena:"))
    if case.judge is not None:
        pair = f"--victim {marked} --suspect suspects/tuned/{marked.name}"
        said = words.replace("--arch", "--victim-arch") + words.replace("--arch", "--suspect-arch")
        command = f"judge {pair} --data {data}{said} {case.judge} --out judged"
        code, printed = ask(command)
        say(f"$ arena {command}\n  [{code}] " + told(printed, "Verdict", "arena:"))


def main() -> None:
    """Play the cases that are named, or all."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("names", nargs="*", default=list(CASES), metavar="NAME")
    arguments.add_argument("--out", type=Path, help="a folder to keep; else a temporary one")
    asked = arguments.parse_args()
    heading("protect, verify and judge, by the form of the model", 1)
    with tempfile.TemporaryDirectory() as scratch:
        for name in asked.names:
            folder = (asked.out or Path(scratch)) / name
            folder.mkdir(parents=True)
            with contextlib.chdir(folder):
                show(name)


if __name__ == "__main__":
    main()

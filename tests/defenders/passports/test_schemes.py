"""Passports: signs and function on the suspect's own weights, and a branch that stays at home."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from arena import testing
from arena.errors import PlayerError
from arena.game.rules.keys import random_bits
from arena.game.sides.defense import Defense, OwnerTask, Protected
from arena.game.sides.lab import Lab
from arena.game.sides.suspect import Suspect
from arena.world import layers
from arena.world.json_values import Json
from arena.world.models import Model, ModelCard, build, pack, unpack
from arena.world.models.calls import captured
from arena.world.rng import Rng
from arena.world.task import Task
from arena.world.training import Examples, History, Hook, Recipe, StepView
from defenders.passports.base import Passport
from defenders.passports.branch import agreement, balanced, responses
from defenders.passports.layers import passport_layers
from defenders.passports.scheme import PassportKey, affine, footprints, uniform_passports
from defenders.passports.schemes import DeepIPR1, DeepIPR2, DeepIPR3, PassportAware
from defenders.passports.training import PrivateBranch
from defenders.weights.uchida import Uchida
from tests.defenders.conftest import COMPUTE
from tests.world.graph.networks import network, own

pytestmark = pytest.mark.long

Show = Callable[[Model], Suspect]

RECIPE = Recipe(epochs=30)
SEEDS = (0, 1, 2)
SCHEMES: dict[str, Passport] = {
    "v1": DeepIPR1(),
    "v2": DeepIPR2(),
    "v3": DeepIPR3(),
    "pan": PassportAware(),
}
MAY_LOSE = {"v1": 0.01, "v2": 0.03, "v3": 0.03, "pan": 0.03}
"""Accuracy that protection may cost: the promise, for the mean over the seeds."""
HIDDEN = ("v2", "v3", "pan")
"""Schemes whose passports are not shipped."""


class Witness(Hook):
    """Notes what the model in training, its public branch, says after the last step."""

    def __init__(self, images: Tensor) -> None:
        self.images, self.said = images, torch.empty(0)

    def after_step(self, view: StepView) -> None:
        if view.step == view.n_steps - 1:
            assert isinstance(view.model, Model)
            self.said = COMPUTE.logits(view.model.copy(), self.images)


@dataclass(frozen=True)
class Watched(Lab):
    """A laboratory with a witness."""

    witnesses: list[Witness] = field(default_factory=list)

    def train(
        self,
        model: Model,
        examples: Examples,
        recipe: Recipe,
        rng: Rng,
        hooks: Sequence[Hook] = (),
    ) -> History:
        self.witnesses.append(Witness(examples.images[:100]))
        return super().train(model, examples, recipe, rng, [*hooks, self.witnesses[-1]])


@dataclass
class Owner:
    """One seed's owner: its unprotected model, and what each scheme made of it."""

    task: OwnerTask
    made: dict[str, tuple[Protected, Witness]] = field(default_factory=dict)

    def shown(self, name: str) -> tuple[Protected, Witness]:
        """The protected model, and what was heard at the end of its training."""
        if name not in self.made:
            lab = Watched(COMPUTE)
            protected = SCHEMES[name].protect(replace(self.task, lab=lab), Rng(4))
            self.made[name] = protected, lab.witnesses[-1]
        protected, witness = self.made[name]
        return Protected(protected.model.copy(), protected.key), witness

    def mark(self, name: str) -> Protected:
        return self.shown(name)[0]


@pytest.fixture(scope="session")
def owner_of(task: Task) -> Callable[[int], Owner]:
    """Owners that train for 30 epochs, as scenarios do: one for each seed, when it is asked for."""

    @functools.cache
    def make(seed: int) -> Owner:
        base = testing.trained(task, rng=Rng(3 + seed), recipe=RECIPE)
        return Owner(replace(testing.owner_task(task, base, seed=3 + seed), recipe=RECIPE))

    return make


@pytest.fixture
def owner(owner_of: Callable[[int], Owner]) -> Owner:
    return owner_of(0)


def test_a_footprint_is_the_mean_response_of_the_convolution() -> None:
    conv = nn.Conv2d(3, 5, 3, stride=2, padding=1, bias=False)
    passports = uniform_passports(Rng(0), (3, 7, 7))
    found = torch.stack(affine(conv.weight, footprints(passports, conv)))
    assert torch.allclose(found, conv(passports).mean((2, 3)), atol=1e-6)


def test_agreement_counts_every_class_the_same() -> None:
    private, public = torch.tensor([0, 0, 0, 1]), torch.tensor([0, 0, 0, 0])
    assert agreement(private, public, 2) == pytest.approx(0.375)


def test_balanced_images_are_equally_many_of_each_class(task: Task) -> None:
    shown = balanced(task.splits.probe, 100, Rng(0))
    counts = torch.bincount(shown.labels, minlength=10)
    assert len(shown) == 100
    assert int(counts.max() - counts.min()) <= 1


def card_of(architecture: str, n_channels: int = 1, **arguments: Json) -> ModelCard:
    return ModelCard(
        architecture=architecture,
        arguments=arguments,
        n_classes=10,
        input_shape=(n_channels, 32, 32),
        mean=(0.5,) * n_channels,
        std=(0.3,) * n_channels,
    )


@pytest.mark.parametrize(
    ("card", "shared"),
    [
        (card_of("cnn8"), ["body.conv2"]),
        (card_of("lenet5", norm="batch"), ["body.conv1"]),
        (card_of("resnet8", width=8), ["body.stage2"]),
        (card_of("resnet20"), ["body.stage2"]),
        (card_of("torchvision:resnet18", 3), []),
    ],
    ids=["cnn8", "lenet5", "resnet8", "resnet20", "torchvision"],
)
def test_a_private_pass_that_goes_on_from_the_public_one_is_a_whole_one(
    card: ModelCard, shared: list[str]
) -> None:
    model = build(card, Rng(0)).train()
    images, targets = torch.rand(8, *card.input_shape, generator=Rng(1).torch()), torch.arange(8)
    places = passport_layers(model, 2)
    passports = [uniform_passports(Rng(2), place.entry) for place in places]
    bits = random_bits(Rng(3), sum(place.n_bits for place in places))
    branch = PrivateBranch(places, passports, bits, 0.1)
    branch.start(model, Rng(4), "cpu")
    assert list(branch.layers) == shared
    with captured(model, branch.layers) as seen:
        found = branch.loss(StepView(model, 0, 1, images, targets, model(images), 8, seen))
    given = dict(model.copy().named_buffers())
    for place, (scale, shift) in zip(places, branch.affines(), strict=True):
        given |= {f"{place.norm}.weight": scale, f"{place.norm}.bias": shift}
    whole = F.cross_entropy(functional_call(model, given, (images,)), targets)
    whole = whole + branch.signature_loss([scale for scale, _ in branch.affines()])
    assert found.item() == pytest.approx(whole.item(), rel=1e-4)
    weights = [layers.weight(model, name) for name in layers.weighted(model, card.input_shape)]
    pairs = zip(*(torch.autograd.grad(loss, weights) for loss in (found, whole)), strict=True)
    for mine, full in pairs:
        assert float((mine - full).norm()) <= 1e-3 * float(full.norm())


@network
class Entangled(nn.Module):
    """Normalisations that run behind a convolution: one serves two, one reads a concatenation, one
    an activation that works in place, and one is the convolution's own."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = (nn.Conv2d(3, 3, 3, padding=1) for _ in range(3))
        self.shared, self.joined, self.single = (nn.BatchNorm2d(n) for n in (3, 6, 3))
        self.last, self.behind = nn.Conv2d(6, 3, 1), nn.Conv2d(3, 4, 1)
        self.relu = nn.ReLU(inplace=True)
        self.outer, self.head = nn.BatchNorm2d(4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.shared(self.second(self.shared(self.first(x))))
        y = self.joined(torch.cat((y, self.third(y)), dim=1))
        y = self.single(self.last(y))
        y = self.outer(self.relu(self.behind(y)))
        out: Tensor = self.head(y.mean((2, 3)))
        return out


@pytest.mark.parametrize(
    ("model", "wanted"),
    [
        (own("Entangled"), {"last": "single"}),
        (own("Residual"), {"left": "norm"}),
        (own("TwiceRead"), {}),
        (
            build(card_of("resnet8"), Rng(0)),
            {"conv1": "norm1"}
            | {f"stage{i}.0.conv{j}": f"stage{i}.0.norm{j}" for i in (1, 2, 3) for j in (1, 2)},
        ),
    ],
    ids=["entangled", "residual", "twice-read", "resnet8"],
)
def test_a_normalisation_is_that_of_the_convolution_it_reads(
    model: Model, wanted: dict[str, str]
) -> None:
    found = layers.normalised(model, model.card.input_shape)
    assert found == {f"body.{conv}": f"body.{norm}" for conv, norm in wanted.items()}


def test_where_no_convolution_has_a_normalisation_of_its_own_the_model_is_refused() -> None:
    with pytest.raises(PlayerError, match="found 0 in"):
        passport_layers(own("TwiceRead"), 1)


@pytest.mark.parametrize(
    "seed", [SEEDS[0], *(pytest.param(seed, marks=pytest.mark.slow) for seed in SEEDS[1:])]
)
@pytest.mark.parametrize("name", SCHEMES)
def test_the_owner_reads_every_bit_of_its_model(
    owner_of: Callable[[int], Owner], suspect: Show, name: str, seed: int
) -> None:
    protected = owner_of(seed).mark(name)
    verdict = SCHEMES[name].verify(protected.key, suspect(protected.model), Rng(0))
    assert verdict.statistic == 0
    assert verdict.is_copy
    assert verdict.p_value <= 1e-6
    assert verdict.rule is not None
    assert verdict.rule.is_copy


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEMES)
def test_protection_costs_as_little_as_promised(
    owner_of: Callable[[int], Owner], task: Task, name: str
) -> None:
    test, owners = task.splits.test, [owner_of(seed) for seed in SEEDS]
    lost = [
        COMPUTE.accuracy(owner.task.base(), test.images, test.labels)
        - COMPUTE.accuracy(owner.mark(name).model, test.images, test.labels)
        for owner in owners
    ]
    assert sum(lost) / len(lost) <= MAY_LOSE[name]


@pytest.mark.parametrize("name", SCHEMES)
def test_independent_models_read_like_coins_and_are_spared(
    owner: Owner, suspect: Show, innocent: Model, nulls: list[Model], name: str
) -> None:
    key = owner.mark(name).key
    verdicts = [SCHEMES[name].verify(key, suspect(m), Rng(0)) for m in (innocent, *nulls)]
    assert all(verdict.p_value > 1e-4 for verdict in verdicts)  # one in a hundred is unlucky
    assert all(0.2 <= verdict.statistic <= 0.8 for verdict in verdicts)


@pytest.mark.parametrize("name", SCHEMES)
def test_the_deployed_model_does_what_the_trained_public_branch_did(
    owner: Owner, name: str
) -> None:
    protected, witness = owner.shown(name)
    deployed = unpack(pack(protected.model))
    said = COMPUTE.logits(deployed, witness.images)
    assert len(said) == 100
    assert torch.allclose(said, witness.said, atol=1e-5)


@pytest.mark.parametrize("name", SCHEMES)
def test_the_deployed_model_is_an_ordinary_one(owner: Owner, name: str) -> None:
    model, base = owner.mark(name).model, owner.task.base()
    assert model.card == base.card
    assert model.state_dict().keys() == base.state_dict().keys()


def constants(protected: Protected, scheme: Passport) -> list[tuple[Tensor, Tensor]]:
    """Scale and shift (2, O) of each passport layer: as deployed, and as the passports give."""
    shown = Suspect.bare(protected.model.copy(), COMPUTE)
    secret = PassportKey.of(protected.key)
    given = scheme.affines(secret, responses(secret, shown))
    found = []
    for place, pair in zip(secret.layers, given, strict=True):
        norm = protected.model.get_submodule(place.norm)
        assert isinstance(norm, nn.BatchNorm2d)
        held = torch.stack([norm.weight, norm.bias]).detach()
        found.append((held, torch.stack(list(pair)).float()))
    return found


def test_v1_holds_what_its_passports_give_as_constants(owner: Owner) -> None:
    for held, given in constants(owner.mark("v1"), SCHEMES["v1"]):
        assert torch.allclose(held, given, atol=1e-5)


@pytest.mark.parametrize("name", HIDDEN)
def test_others_hold_nothing_of_the_private_branch(owner: Owner, name: str) -> None:
    for held, given in constants(owner.mark(name), SCHEMES[name]):
        assert float((held - given).abs().max()) > 0.1
        assert 0.25 < float(((held[0] > 0) == (given[0] > 0)).float().mean()) < 0.75


def test_signs_alone_are_not_enough(owner: Owner, suspect: Show) -> None:
    scheme, protected = SCHEMES["v2"], owner.mark("v2")
    tensors = dict(protected.key.tensors)
    for i in range(len(protected.key.settings["layers"])):
        tensors[f"passport/{i}"] = (
            tensors[f"passport/{i}"] * torch.tensor([1.0, 40.0])[:, None, None, None]
        )  # the shift is another, the signs of the scale are the same
    verdict = scheme.verify(
        replace(protected.key, tensors=tensors), suspect(protected.model), Rng(0)
    )
    assert verdict.statistic == 0
    assert not verdict.is_copy
    assert verdict.p_value == 1.0


@pytest.mark.parametrize("name", SCHEMES)
def test_a_key_is_what_its_seed_expands_to(owner: Owner, name: str) -> None:
    key = owner.mark(name).key
    assert SCHEMES[name].rederive(key).commitment() == key.commitment()
    other = SCHEMES[name].rederive(replace(key, seed="00" * 32))
    assert other.commitment() != key.commitment()


def test_what_is_exposed_are_the_passports_and_never_the_bits(owner: Owner) -> None:
    scheme = SCHEMES["pan"]
    shown = scheme.exposed(owner.mark("pan").key)
    assert {name.partition("/")[0] for name in shown.tensors} == {"passport", "bottleneck"}


@pytest.mark.parametrize(
    ("owner", "kept"), [(Uchida(level=1e-6), 0.2), (DeepIPR1(level=1e-6, tolerance=0.1), 0.1)]
)
def test_a_claimant_chooses_neither_level_nor_tolerance(owner: Defense, kept: float) -> None:
    chosen = DeepIPR2(n_layers=1, level=1.0, tolerance=1.0)
    assert chosen.as_strict_as(owner) == DeepIPR2(n_layers=1, level=1e-6, tolerance=kept)

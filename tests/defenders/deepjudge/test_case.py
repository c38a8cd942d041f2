"""What a suspect makes of the tests, by access level; what must hold of any suspect."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from arena.errors import NotComparable
from arena.game.sides.suspect import Suspect
from arena.world.compute import Compute
from arena.world.kinds.interface import Output
from arena.world.models import Model, build
from arena.world.rng import Rng
from arena.world.task import Task
from attackers.modify.finetune import FineTuneAll, FineTuneLast
from attackers.modify.prune import Prune
from defenders.deepjudge.case import Case, Measurement
from defenders.deepjudge.scheme.metrics import BLACKBOX, METRICS, WHITEBOX, neurons
from defenders.deepjudge.scheme.tests import Tests as Cases
from tests.defenders.conftest import COMPUTE
from tests.defenders.deepjudge.conftest import Thieves
from tests.defenders.weights.rewritings import permuted, scaled

Show = Callable[[Model], Suspect]
BEFORE_THE_LAST = ["body.relu1", "body.relu2", "body.relu3", "body.relu4"]


def measured(case: Case, model: Model, access: Output = "weights") -> dict[str, float]:
    return dict(case.measure(Suspect.bare(model, COMPUTE), access).values["all"])


def test_the_victim_is_at_distance_0_in_every_metric(case: Case, victim: Model) -> None:
    assert measured(case, victim) == dict.fromkeys(METRICS, 0.0)


def test_under_autocast_the_victim_is_still_at_distance_0(case: Case, victim: Model) -> None:
    """Both models are read in float32."""
    shown = Suspect.bare(victim, Compute(precision="bfloat16"))
    assert dict(case.measure(shown, "weights").values["all"]) == dict.fromkeys(METRICS, 0.0)


@pytest.mark.parametrize("part", ["exposed", "held-out"])
def test_the_victim_is_at_distance_0_on_every_part(case: Case, victim: Model, part: str) -> None:
    found = case.measure(Suspect.bare(victim, COMPUTE), "weights").values
    assert dict(found[part]) == dict.fromkeys(METRICS, 0.0)  # type: ignore[index]


def test_distances_are_symmetric_in_the_two_models_for_fixed_tests(
    case: Case, victim: Model, innocent: Model
) -> None:
    """Read by index: an alignment brings one model to the order of the other, not both ways."""
    by_index = replace(case, probes=None)
    swapped = replace(by_index, victim=innocent)
    forth, back = measured(by_index, innocent), measured(swapped, victim)
    assert forth == pytest.approx(back, rel=1e-6)
    assert min(forth.values()) > 0
    assert forth["JSD"] <= math.log(2)


def test_ft_ll_leaves_layers_before_the_last_at_exactly_0(
    case: Case, victim: Model, stolen: Thieves
) -> None:
    """With BatchNorm in eval mode; the last layer did move, so the answers did."""
    tuned = stolen(FineTuneLast())
    found = case.measure(Suspect.bare(tuned, COMPUTE), "weights")
    assert sorted(found.layers) == BEFORE_THE_LAST
    for name in BEFORE_THE_LAST:
        assert dict(found.layers[name]) == dict.fromkeys(WHITEBOX, 0.0)
    assert found.values["all"]["JSD"] > 0
    assert not torch.equal(*(m.get_parameter("body.fc2.weight") for m in (tuned, victim)))


def test_statistics_of_batchnorm_that_move_are_seen(case: Case, victim: Model) -> None:
    """What the invariant above guards against: FT-LL with BatchNorm in train mode."""
    moved = victim.copy()
    with torch.no_grad():
        moved.get_buffer("body.norm1.running_mean").add_(0.05)
    found = measured(case, moved)
    assert min(found[metric] for metric in ("NOD", "LOD")) > 0


@pytest.mark.parametrize("rewriting", [permuted, scaled])
def test_rewriting_neurons_moves_only_what_reads_them(
    case: Case, victim: Model, rewriting: Callable[[Model, Rng], Model]
) -> None:
    """Read by index: RobD and JSD unchanged, NOD and LOD above 0."""
    found = measured(replace(case, probes=None), rewriting(victim, Rng(3)))
    assert found["RobD"] == 0
    assert found["JSD"] < 1e-6
    assert found["NOD"] > 0
    assert found["LOD"] > 0


def test_an_order_of_neurons_that_was_changed_is_brought_back(case: Case, victim: Model) -> None:
    found = measured(case, permuted(victim, Rng(3)))
    assert {metric: found[metric] for metric in WHITEBOX} == pytest.approx(
        dict.fromkeys(WHITEBOX, 0.0), abs=1e-5
    )


@pytest.mark.slow
def test_pruning_more_moves_the_answers_more_on_average(case: Case, stolen: Thieves) -> None:
    rates = (0.2, 0.6)
    mild, hard = (
        [measured(case, stolen(Prune(rate=r, lr=lr)))["RobD"] for lr in (5e-4, 1e-3)] for r in rates
    )
    assert sum(mild) <= sum(hard)


def test_fine_tuning_at_a_higher_rate_moves_the_answers_more(case: Case, stolen: Thieves) -> None:
    slow, fast = (measured(case, stolen(FineTuneAll(lr=lr)))["RobD"] for lr in (1e-4, 5e-3))
    assert slow < fast


@pytest.mark.parametrize(
    ("access", "applies"),
    [
        ("labels", {"RobD"}),
        ("probabilities", {*BLACKBOX}),
        ("logits", {*BLACKBOX}),
        ("weights", {*METRICS}),
    ],
)
def test_each_access_level_measures_what_it_allows_and_says_why_not_more(
    case: Case, innocent: Model, access: Output, applies: set[str]
) -> None:
    shown = Suspect.bare(innocent, COMPUTE, access)  # asking for more than is granted raises
    found = case.measure(shown, access)
    assert set(found.values["all"]) == applies
    assert set(found.notes) == set(METRICS) - applies
    assert bool(found.layers) is (access == "weights")


@pytest.mark.parametrize("access", ["labels", "probabilities"])
def test_less_access_changes_no_value(case: Case, innocent: Model, access: Output) -> None:
    whole = measured(case, innocent)
    assert measured(case, innocent, access).items() <= whole.items()


def test_labels_are_all_that_the_lowest_level_asks_for(case: Case, innocent: Model) -> None:
    """Answers that hold nothing but the class give the same RobD."""

    def hard(images: Tensor) -> Tensor:
        classes = COMPUTE.labels(innocent, images)
        return torch.nn.functional.one_hot(classes, 10).float()

    shown = Suspect(hard, "labels", innocent.card, COMPUTE)
    assert case.measure(shown, "labels").values["all"] == {"RobD": measured(case, innocent)["RobD"]}


def test_queries_are_counted(case: Case, innocent: Model) -> None:
    shown = Suspect.bare(innocent, COMPUTE)
    case.measure(shown, "labels")
    assert shown.n_queries == len(case.blackbox)
    case.measure(shown, "weights")
    assert shown.n_queries == 2 * len(case.blackbox) + len(case.whitebox)


def test_other_classes_leave_the_hidden_layers(case: Case, task: Task, victim: Model) -> None:
    """VTL: the trunk of the victim under another head."""
    suspect = build(task.card.model_copy(update={"n_classes": 5}), Rng(0))
    trunk = {k: v for k, v in victim.state_dict().items() if "fc2" not in k}
    suspect.load_state_dict(trunk, strict=False)
    found = case.measure(Suspect.bare(suspect, COMPUTE), "weights")
    assert dict(found.values["all"]) == dict.fromkeys(WHITEBOX, 0.0)
    assert set(found.notes) == set(BLACKBOX)
    assert "tells 5 classes apart, the victim 10" in found.notes["RobD"]


@pytest.mark.parametrize(
    ("architecture", "arguments"),
    [("mlp", {}), ("cnn8", {"width": 8}), ("softmax", {})],
)
def test_another_architecture_leaves_the_answers(
    case: Case, task: Task, architecture: str, arguments: dict[str, object]
) -> None:
    fields = {"architecture": architecture, "arguments": arguments}
    suspect = build(task.card.model_copy(update=fields), Rng(0))
    found = case.measure(Suspect.bare(suspect, COMPUTE), "weights")
    assert set(found.values["all"]) == set(BLACKBOX)
    assert set(found.notes) == set(WHITEBOX)
    assert "no layer 'body.relu2' of the victim's width" in found.notes["NOD"]


def test_an_interface_leaves_the_answers(case: Case, innocent: Model) -> None:
    def answer(images: Tensor) -> Tensor:
        return COMPUTE.probabilities(innocent, images)

    found = case.measure(Suspect(answer, "weights", innocent.card, COMPUTE), "weights")
    assert set(found.values["all"]) == set(BLACKBOX)
    assert "weights cannot be read" in found.notes["LAD"]


def test_a_suspect_of_other_images_cannot_be_compared(case: Case, tiny: Model) -> None:
    with pytest.raises(
        NotComparable, match=r"takes inputs of \(8,\), the tests are of \(1, 8, 8\)"
    ):
        case.measure(Suspect.bare(tiny, COMPUTE), "weights")


def none_of(tests: Cases) -> Cases:
    return tests.select(torch.zeros(len(tests), dtype=torch.bool))


@pytest.mark.parametrize(("group", "absent"), [("blackbox", BLACKBOX), ("whitebox", WHITEBOX)])
def test_metrics_without_tests_do_not_apply(
    case: Case, victim: Model, group: str, absent: tuple[str, ...]
) -> None:
    part: dict[str, Any] = {group: none_of(getattr(case, group))}
    empty = dataclasses.replace(case, **part)
    found = empty.measure(Suspect.bare(victim, COMPUTE), "weights")
    assert set(found.values["all"]) == set(METRICS) - set(absent)
    assert set(found.notes) == set(absent)
    assert f"no {group.replace('box', '-box')} tests" in found.notes[absent[0]]


def test_neither_model_is_changed(case: Case, innocent: Model) -> None:
    before = innocent.digest(), case.victim.digest()
    case.measure(Suspect.bare(innocent, COMPUTE), "weights")
    assert (innocent.digest(), case.victim.digest()) == before


def test_values_are_the_metrics_of_both_models_outputs(case: Case, innocent: Model) -> None:
    """By hand, by index, from the definitions: own tests for NOD, every test for LOD."""
    both = [
        COMPUTE.activations(model, case.whitebox.images, [case.layer], neurons)[case.layer]
        for model in (case.victim, innocent)
    ]
    gap = (both[0] - both[1]).double()
    own = gap.gather(1, case.whitebox.neuron[:, None]).abs().mean()
    found = measured(replace(case, probes=None), innocent)
    assert found["NOD"] == pytest.approx(float(own), rel=1e-6)
    assert found["LOD"] == pytest.approx(float(gap.norm(dim=1).mean()), rel=1e-6)


def test_parts_divide_the_tests_by_their_seeds(case: Case) -> None:
    for tests in (case.blackbox, case.whitebox):
        masks = dict(tests.parts())
        assert bool((masks["exposed"] ^ masks["held-out"]).all())
        assert bool(masks["all"].all())
        exposed, held = (set(tests.seed[masks[p]].tolist()) for p in ("exposed", "held-out"))
        assert not exposed & held


def test_selected_tests_keep_what_belongs_to_them(case: Case) -> None:
    mask = case.whitebox.seed == 2
    found = case.whitebox.select(mask)
    assert torch.equal(found.images, case.whitebox.images[mask])
    assert torch.equal(found.neuron, case.whitebox.neuron[mask])
    assert len(case.blackbox.select(case.blackbox.seed == 2).neuron) == 0


def test_measurements_join() -> None:
    outside = Measurement({"all": {"RobD": 0.1}}, {"JSD": "labels only"})
    inside = Measurement({"all": {"NOD": 0.2}}, {}, {"relu1": {"NOD": 0.2}})
    joined = outside | inside
    assert dict(joined.values["all"]) == {"RobD": 0.1, "NOD": 0.2}
    assert joined.notes == {"JSD": "labels only"}
    assert joined.layers == inside.layers

"""Neural Cleanse: a trigger is rebuilt from the model alone, then unlearnt or pruned away."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from arena.errors import PlayerError
from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Dial
from arena.world.graph import Group
from arena.world.graph.probe import watch
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Examples, Hook, Recipe
from attackers.modify.fine_prune import Asleep, channel_masks, late_group, sleepy
from attackers.modify.finetune import LabelSource, labelled
from attackers.modify.removal.reversal import Descent, Trigger, flagged, smallest_trigger

Share = Annotated[float, Field(ge=0, le=1)]


@attack("neural-cleanse")
@dataclass(frozen=True, kw_only=True)
class NeuralCleanse(Attack):
    """Rebuilds the trigger of a class that is too easy to reach, and unlearns it (Neural Cleanse).

    What: for each class the smallest mask and pattern are searched that send own images there; a
    class whose mask is far smaller than the others' has a trigger. Then the model is fine-tuned
    with that trigger on part of the own images, whose classes stay; or the channels that the
    trigger excites the most are silenced, and the rest is fine-tuned.
    Threat model: weights, own images, labelled for labels "truth"; no queries, no key. Trigger sets
    without a common pattern it cannot find: where no class stands out the smallest mask is taken.
    Parameters: mitigation ("unlearn" or "prune"); share (of the own images that carry the trigger,
    or of the channels that are pruned, in [0, 1]); threshold (of the anomaly index); n_images,
    n_steps, search_lr (of the search for each class: images, Adam's steps and rate); weight (of the
    mask at first); epochs; lr of Adam and batch (of the fine-tuning); labels.
    Cost: C * n_steps forward and backward passes of n_images; the steps of fine-tuning.
    Differences to the paper: all images at once in place of batches, fewer steps, no early stop;
    pruning takes a fixed share of one late layer.
    Reference: Wang, Yao, Shan, Li, Viswanath, Zheng, Zhao: Neural Cleanse: identifying and
    mitigating backdoor attacks in neural networks, 2019; Lukas et al., S&P 2022 (shares).
    Versions: 1.
    """

    paper: ClassVar[str] = "Wang et al., S&P 2019"
    needs: ClassVar[ThreatModel] = ThreatModel(output="weights", data=1, data_labels=True)
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "gradients", "images", "hidden"})
    dial: ClassVar[Dial] = Dial("share", 0.05, 0.5)
    quick = MappingProxyType({"n_images": 20, "n_steps": 5, "epochs": 1})

    mitigation: Literal["unlearn", "prune"] = "unlearn"
    share: Share = 0.2
    threshold: float = 2.0
    n_images: Annotated[int, Field(ge=1)] = 128
    n_steps: Annotated[int, Field(ge=1)] = 150
    search_lr: float = 0.1
    weight: float = 1e-3
    epochs: int = 5
    lr: float = 1e-3
    batch: int = 64
    labels: LabelSource = "truth"

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Find the trigger in the current suspect and take it away.

        Raises:
            PlayerError: the inputs are no images.
        """
        model = access.model()
        if len(model.card.input_shape) != 3:
            raise PlayerError(
                f"expected images, in which a trigger has a place, found rows of "
                f"{model.card.input_shape}; try wrk"
            )
        own, images = labelled(access, model, self.labels), access.data().images
        floats = images.float() / 255 if images.dtype == torch.uint8 else images
        own = Examples(floats, own.targets)
        triggers = self.triggers(access, model, own, rng.child("search"))
        if self.mitigation == "prune":
            hooks, examples = [self._pruning(access, model, own, triggers)], own
        else:
            hooks, examples = [], own.joined(self._stamped(own, triggers, rng.child("stamped")))
        recipe = Recipe(lr=self.lr, epochs=self.epochs, batch=self.batch)
        access.lab.train(model, examples, recipe, rng.child("training"), hooks)
        return Deliverable(model)

    def triggers(self, access: Access, model: Model, own: Examples, rng: Rng) -> list[Trigger]:
        """Return the triggers of the classes that are too easy to reach."""
        view = access.lab.frozen(model)
        order = torch.randperm(len(own), generator=rng.child("images").torch())
        images = own.images[order[: self.n_images]].to(access.lab.compute.device)
        how = Descent(self.n_steps, self.search_lr, self.weight)
        found = [
            smallest_trigger(view, images, target, how, rng.child(target), access.lab.meter)
            for target in range(model.card.n_classes)
        ]
        chosen = flagged([trigger.size for trigger in found], self.threshold)
        return [Trigger(found[i].mask.cpu(), found[i].pattern.cpu()) for i in chosen]

    def _stamped(self, own: Examples, triggers: list[Trigger], rng: Rng) -> Examples:
        """Return part of the own images with the triggers on them; their classes stay."""
        order = torch.randperm(len(own), generator=rng.torch())
        parts = order[: max(len(triggers), round(self.share * len(own)))].chunk(len(triggers))
        made = [
            Examples(trigger.on(own.images[part]), own.targets[part])
            for trigger, part in zip(triggers, parts, strict=False)
        ]
        return Examples(
            torch.cat([each.images for each in made]), torch.cat([each.targets for each in made])
        )

    def _pruning(
        self, access: Access, model: Model, own: Examples, triggers: list[Trigger]
    ) -> Hook:
        """Return what silences the channels that the triggers excite the most."""
        group = late_group(model)
        stamped = torch.cat([trigger.on(own.images) for trigger in triggers])
        calm, excited = (
            self._activity(access, model, group, images) for images in (own.images, stamped)
        )
        return Asleep(channel_masks(model, group, sleepy(calm - excited, self.share)))

    def _activity(self, access: Access, model: Model, group: Group, images: Tensor) -> Tensor:
        """Return the mean activity (n_units,) of a group's channels on images."""
        access.lab.meter.charge({"images_forward": len(images)})
        seen, _ = watch(model, [group], images, access.lab.compute)
        return seen[group.name].mean(1)

"""PRADA: a monitor that flags a client whose queries are not spread as natural images are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, ClassVar

import numpy as np
import scipy  # its parts load when they are first used
import torch
from pydantic import Field
from torch import Tensor

from arena.game.serving.wrapper import Answer, Client, Wrapper, wrapper
from arena.game.sides.defense import OwnerTask, defense
from arena.game.sides.player import Dial
from arena.world.rng import Rng
from defenders.fingerprints.scheme import floats
from defenders.serving.answering import Answering

_LEAST = 60  # distances before anybody is judged
_CALL = 50  # images in a call of an innocent client who is simulated
_OUTLIER = 3.0  # standard deviations beyond which a distance is left out


@dataclass(frozen=True)
class Seen:
    """What a monitor keeps of a client.

    Attributes:
        images: that stand for what was asked, (N, D).
        classes: their answered classes, (N,).
        distances: of each query to the nearest of its class, (M,).
        of: the classes of these, (M,).
    """

    images: Tensor
    classes: Tensor
    distances: Tensor
    of: Tensor

    @classmethod
    def nothing(cls, n_pixels: int) -> Seen:
        """Return what is kept of a client who never asked."""
        classes = torch.zeros(0, dtype=torch.int64)
        return cls(torch.zeros(0, n_pixels), classes, torch.zeros(0), classes)

    @classmethod
    def read(cls, tensors: Mapping[str, Tensor], n_pixels: int) -> Seen:
        """Read it back from what a wrapper keeps of a client."""
        if not tensors:
            return cls.nothing(n_pixels)
        return cls(**{field.name: tensors[field.name] for field in fields(cls)})

    def tensors(self) -> dict[str, Tensor]:
        """Return it as tensors by name."""
        return {
            name: getattr(self, name).clone() for name in ("images", "classes", "distances", "of")
        }

    def after(self, image: Tensor, label: int) -> Seen:
        """Return what is kept after one more query (D,) that was answered a class.

        An image joins those that are kept if it is further from them than usual in its class: its
        distance is above the mean less one deviation. Source: Juuti et al., EuroS&P 2019.
        """
        mine = self.images[self.classes == label]
        if not len(mine):
            return self._joined(image, label)
        distance = (mine - image).norm(dim=1).min()[None]
        earlier = self.distances[self.of == label]
        usual = float(earlier.mean() - earlier.std(correction=0)) if len(earlier) else 0.0
        of = torch.cat([self.of, torch.tensor([label])])
        seen = Seen(self.images, self.classes, torch.cat([self.distances, distance]), of)
        return seen._joined(image, label) if float(distance) > usual else seen

    def _joined(self, image: Tensor, label: int) -> Seen:
        classes = torch.cat([self.classes, torch.tensor([label])])
        return Seen(torch.cat([self.images, image[None]]), classes, self.distances, self.of)

    def naturalness(self) -> float:
        """Return Shapiro and Wilk's W of the distances, without outliers; 1 for too few of them."""
        found = self.distances.double().numpy()
        if len(found) < _LEAST:
            return 1.0
        near = found[np.abs(found - found.mean()) <= _OUTLIER * found.std()]
        if np.ptp(near) == 0:  # all the same: nothing is less natural, and W is not defined
            return 0.0
        return float(scipy.stats.shapiro(near).statistic)


def watched(seen: Seen, images: Tensor, labels: Tensor) -> Seen:
    """Return what is kept of a client after a call: images (N, *shape), answered labels (N,)."""
    for image, label in zip(images.flatten(1).cpu(), labels.tolist(), strict=True):
        seen = seen.after(image, label)
    return seen


@wrapper("prada-monitor")
@dataclass(frozen=True, kw_only=True)
class PradaMonitor(Wrapper):
    """Answers everything wrongly once a client's queries are not naturally spread."""

    paper: ClassVar[str] = "Juuti et al., EuroS&P 2019"

    threshold: Annotated[float, Field(ge=0, le=1)] = 0.9

    def respond(self, inputs: Tensor, answer: Answer, client: Client) -> Tensor:
        """Answer, and watch; a flagged client's classes are all moved on by one."""
        rows = answer(inputs)
        if not client.numbers.get("flagged", False):
            seen = Seen.read(client.tensors, inputs[0].numel())
            seen = watched(seen, inputs, rows.argmax(1))
            client.tensors.update(seen.tensors())
            client.numbers["flagged"] = seen.naturalness() < self.threshold
            return rows
        return rows.roll(1, dims=1)


@defense("prada")
@dataclass(frozen=True, kw_only=True)
class Prada(Answering):
    """Watches how each client's queries are spread, and misleads whoever makes images up (PRADA).

    What: for every query the distance to the nearest earlier one of its class is kept; of natural
    images these distances are about normal, of images that were made from one another they are not.
    A client whose distances fail the test of normality is flagged, and answered wrongly from then
    on; a false alarm costs an honest client everything, and shows as lost accuracy.
    Parameters: false_alarms (share of simulated honest clients that the threshold may flag);
    n_clients and n_asked (of that simulation, with the owner's own images); n_points (of AKH).
    Cost: a distance to every kept image of the class for each query.
    Differences to the paper: the threshold on Shapiro and Wilk's W is set on simulated clients, the
    authors choose it by hand; 60 distances are enough to judge (100); AKH says whose a copy is.
    Reference: Juuti, Szyller, Marchal, Asokan: PRADA: protecting against DNN model stealing
    attacks, 2019.
    Versions: 1.
    """

    paper: ClassVar[str] = "Juuti et al., EuroS&P 2019"
    dial: ClassVar[Dial] = Dial("false_alarms", 0.0, 0.2)

    false_alarms: Annotated[float, Field(ge=0, lt=1)] = 0.0
    n_clients: Annotated[int, Field(ge=1)] = 40
    n_asked: Annotated[int, Field(ge=1)] = 300

    def answers(self, task: OwnerTask, rng: Rng) -> Wrapper:
        """Set the threshold on honest clients and return the wrapper."""
        images, victim = floats(task.data.images), task.base()
        labels, least = task.lab.float32.labels(victim, images), []
        for number in range(self.n_clients):
            order = torch.randperm(len(images), generator=rng.child("client", number).torch())
            seen, found = Seen.nothing(images[0].numel()), 1.0
            for part in order[: self.n_asked].split(_CALL):
                seen = watched(seen, images[part], labels[part])
                found = min(found, seen.naturalness())
            least.append(found)
        return PradaMonitor(threshold=float(np.quantile(least, self.false_alarms)))

"""The class-feature watermark: an artificial class, known as a whole and not image by image."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar

from pydantic import Field

from arena.game.sides.defense import defense
from arena.game.sides.player import Dial
from defenders.triggers.scheme import ClassFeatureKey, ZhangKey
from defenders.triggers.zhang import Zhang


@defense("cfw")
@dataclass(frozen=True, kw_only=True)
class ClassFeature(Zhang):
    """Teaches the model an artificial class, which goes by the name of one of its own (CFW).

    What: images that show the features of a class that the task has not, in several subclasses,
    get one class of the task. What is learnt is the class, not the images: so it is judged by
    images of it that were never shown, and whoever relabels single images near the boundary
    (`wrk`) does not meet it.
    Threat model: copies by queries and changed copies; verification asks for labels. The p-value
    is that of zhang.
    Parameters: size (share of an image that is its own and not of the class, in [0, 1]); embedded
    (share of the images that are shown); per_batch; n_beside; source and target as for zhang, where
    the source says no more than how many images there are.
    Cost: as for zhang.
    Differences to the paper: five abstract images, expanded from the committed seed, are the
    features, in place of classes of another data set; so they are not balanced over the classes
    that a clean model gives them, but a key that null models answer is redrawn; the second stage,
    which fine-tunes for copies by queries, is left out.
    Reference: Xiao, Ye, Liang, Li, Li, Zheng, Hu: Class-feature watermark: a resilient black-box
    watermark against model extraction attacks, 2026.
    Versions: 2 (what is not rare among all null models is no proof).
    """

    paper: ClassVar[str] = "Xiao et al., AAAI 2026"
    form: ClassVar[type[ZhangKey]] = ClassFeatureKey
    dial: ClassVar[Dial] = Dial("per_batch", 1, 16, "log")

    quick = MappingProxyType({"level": 0.05})  # six null models of a trial show no less than 0.01

    size: Annotated[float, Field(gt=0, le=1)] = 0.3
    per_batch: int = 8

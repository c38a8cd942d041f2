"""The aligner on a ResNet-20 that was shuffled, scaled, flipped and filled with dummies.

    python -m benchmarks.rewriting.align

The reference has random weights and lively norms; 256 probes of 32x32x3. Bar: <= 3 s on 2 cores,
tracing and the run of both models included.
"""

from __future__ import annotations

import os

import torch

from arena.world.compute import Compute
from arena.world.graph import LayerGraph, align
from benchmarks.common import bar, heading, median_s, say
from benchmarks.rewriting.transforms import lively, obfuscated

N_PROBES, N_RUNS = 256, 5


def main() -> None:
    reference, draw = lively("resnet20"), torch.Generator().manual_seed(2)
    suspect = obfuscated(reference, LayerGraph.of(reference), draw)
    probes = torch.rand(N_PROBES, 3, 32, 32, generator=draw)
    heading(f"aligning two ResNet-20s on {N_PROBES} probes", N_RUNS)
    say(f"load average of the last minute: {os.getloadavg()[0]:.1f}")
    _, report = align(suspect, reference, probes, Compute())
    n_units = sum(group.n_units for group in report.groups)
    n_found = sum(group.n_found for group in report.groups)
    n_matched = sum(group.n_matched for group in report.groups)
    say(f"{n_found} channels, {n_matched} of {n_units} matched, logits within "
        f"{report.difference:.1e}")  # fmt: skip
    taken_s = median_s(lambda: align(suspect, reference, probes, Compute()), N_RUNS)
    bar("seconds", taken_s, 3.0, at_least=False)


if __name__ == "__main__":
    main()

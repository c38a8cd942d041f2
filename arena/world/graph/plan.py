"""Plans: how the units of a group are made from the old ones, as copies with shared-out outputs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Plan:
    """Which old unit each new one copies, and what it adds to the units' consumers.

    A layer's function is kept where the copies of each old unit p add up to what p alone added:
    `outgoing[index == p].sum(0)` is row p of the identity. Source: NeuronClique and NeuronSplit of
    Yan et al. 2023 ("neural structural obfuscation"), of which this is the general form.

    Attributes:
        index: (n_new,) the old unit whose incoming weights and norm are copied.
        outgoing: (n_new, n_old) a new unit's outgoing weights as a mixture of the old units' own.
        incoming: (n_new, n_old) incoming weights as a mixture too, instead of as copies; None
            copies them. Units that are no copies must cancel among themselves.
    """

    index: Tensor
    outgoing: Tensor
    incoming: Tensor | None = None

    @classmethod
    def keep(cls, n_units: int, kept: Tensor | None = None) -> Plan:
        """Return the plan that keeps the listed of `n_units` units, in that order; all by default.

        To leave out units that do something is structured pruning, and changes the function.
        """
        index = torch.arange(n_units) if kept is None else kept.long()
        return cls(index, torch.eye(n_units, dtype=torch.float64)[index])

    def split(self, units: Tensor, outgoing: Tensor) -> Plan:
        """Return the plan with copies of units behind the others; exact.

        What the copies add to the consumers is taken from the unit that they copy. Where the rows
        of `outgoing` for one unit sum to zero they form a clique; zero rows are idle units.

        Args:
            units: (k,) places in this plan's list of units.
            outgoing: (k, n_old).
        """
        outgoing = outgoing.to(self.outgoing)
        left = self.outgoing.index_add(0, units, -outgoing)
        added = self.incoming[units] if self.incoming is not None else None
        return Plan(
            torch.cat([self.index, self.index[units]]),
            torch.cat([left, outgoing]),
            None if added is None or self.incoming is None else torch.cat([self.incoming, added]),
        )

    def clique(self, source: int, incoming: Tensor, outgoing: Tensor) -> Plan:
        """Return the plan with k dummies that cancel, behind the others; exact.

        Args:
            source: the unit whose norm they copy.
            incoming: (n_old,) their common incoming weights as a mixture of the units' own.
            outgoing: (k, n_old) of which the mean over the k dummies is taken away.
        """
        n_dummies = len(outgoing)
        balanced = outgoing.to(self.outgoing) - outgoing.to(self.outgoing).mean(0)
        eye = torch.eye(self.outgoing.shape[1], dtype=torch.float64)
        rows = eye[self.index] if self.incoming is None else self.incoming
        return Plan(
            torch.cat([self.index, self.index[source].expand(n_dummies)]),
            torch.cat([self.outgoing, balanced]),
            torch.cat([rows, incoming.to(rows).expand(n_dummies, -1)]),
        )

    def fits(self, n_units: int) -> bool:
        """Tell whether the plan makes at least one unit, out of that many."""
        tables = [self.outgoing] if self.incoming is None else [self.outgoing, self.incoming]
        n_new = len(self.index)
        known = n_new > 0 and 0 <= int(self.index.min()) <= int(self.index.max()) < n_units
        return known and all(table.shape == (n_new, n_units) for table in tables)

    def ordered(self, order: Tensor) -> Plan:
        """Return the plan with its units in another order."""
        incoming = None if self.incoming is None else self.incoming[order]
        return replace(
            self, index=self.index[order], outgoing=self.outgoing[order], incoming=incoming
        )

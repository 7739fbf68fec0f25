"""What follows when a worker dies: only the job it was at is suspect, and it gets one more chance, alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.runtime.bundles import part_of
from fleetspec.runtime.worker import TOGETHER

if TYPE_CHECKING:
    from fleetspec.runtime.bundles import Bundle
    from fleetspec.runtime.ledger import Ledger

STRIKES = 2
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """Bundles to run again, jobs to quarantine, and bundles to give up."""

    again: tuple[Bundle, ...] = ()
    quarantine: tuple[int, ...] = ()
    give_up: tuple[Bundle, ...] = ()


@dataclass(eq=False)
class Strikes:
    """Counts deaths per job and faults per bundle."""

    ledger: Ledger
    _jobs: dict[int, int] = field(default_factory=dict)
    _bundles: dict[str, int] = field(default_factory=dict)

    def after_death(self, bundle: Bundle, position: int | None) -> Verdict:
        """Two deaths at a job quarantine it. A death in one call for all of a bundle's jobs says nothing of any of
        them: they run again one by one. A death outside any job is a fault of the bundle's surroundings."""
        if position is None:
            return self.after_fault(bundle)
        if position == TOGETHER:
            return Verdict((replace(bundle, together=False),))
        suspect = int(bundle.jobs[position])
        rest = np.delete(bundle.jobs, position)
        again = [part_of(bundle, self.ledger, rest)] if len(rest) else []
        self._jobs[suspect] = self._jobs.get(suspect, 0) + 1
        if self._jobs[suspect] >= STRIKES:
            return Verdict(tuple(again), (suspect,))
        return Verdict((*again, part_of(bundle, self.ledger, bundle.jobs[position : position + 1])))

    def after_fault(self, bundle: Bundle) -> Verdict:
        """Up to three attempts for faults that no job is to blame for."""
        self._bundles[bundle.name] = self._bundles.get(bundle.name, 0) + 1
        return Verdict(give_up=(bundle,)) if self._bundles[bundle.name] >= ATTEMPTS else Verdict(again=(bundle,))

"""What is asked, of a scan and of a dry run: which file, what it stands for, and what else is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from ddaudit.canaries.sealed import SealedTrial, open_canaries
from ddaudit.case import AuditCase
from ddaudit.checks import Check, all_checks
from ddaudit.config import AuditConfig
from ddaudit.data.attributes import read_attributes
from ddaudit.data.distilled import DistilledSet
from ddaudit.data.membership import MembershipRecord, read_membership
from ddaudit.data.originals import Original
from ddaudit.errors import AuditError
from ddaudit.inspection.opening import open_set
from ddaudit.models.registry import require
from ddaudit.progress import Progress
from ddaudit.threats.biased_original import original_named
from ddaudit.training.executor import Executor
from ddaudit.training.registry import require_recipe
from ddaudit.training.store import Store


@dataclass(frozen=True)
class Question:
    """What to audit; every field is explained at ``ddaudit.scan``."""

    path: Path
    original: str | Original | None = None
    data_root: Path | None = None
    download: bool = False
    run: int | None = None
    packing: int | None = None
    pixel_space: str | None = None
    canary_key: Path | None = None
    members: Path | None = None
    attributes: Path | None = None
    checks: Sequence[str] | None = None

    def wanted(self) -> list[Check]:
        """The checks that were named, all where none was.

        Raises
        ------
        AuditError
            Where one does not exist; it names those that do.
        """
        known = {check.id: check for check in all_checks()}
        unknown = [i for i in self.checks or () if i not in known]
        if unknown:
            raise AuditError(f"There is no check {unknown[0]!r}: `ddaudit checks` lists them ({', '.join(known)}).")
        return [check for check in known.values() if not self.checks or check.id in self.checks]

    def background(self) -> Background:
        """The original and the records that speak of it.

        Raises
        ------
        AuditError
            Where the original is not to be had, a canary key was changed, or a record or the attributes speak of images that are not there.
        """
        original = self.original
        if isinstance(original, str):
            original = original_named(original, data_root=self.data_root, download=self.download)
        if original is None and self.canary_key:
            raise AuditError("A canary key speaks of images of the original: name it with --original.")
        if original is None and self.members:
            raise AuditError("A record of members counts the images of an original: name it with --original.")
        if original is None and self.attributes:
            raise AuditError("Attributes are of the examples of an original: name it with --original.")
        if original and self.attributes:
            known = read_attributes(self.attributes, len(original.train), len(original.test))
            original = replace(original, attributes=known)
        canaries = open_canaries(self.canary_key, original) if self.canary_key and original else None
        # What may be in the set is no held-out image.
        spared = canaries.trial.spared(original) if canaries and original else original
        record = read_membership(self.members, len(spared.train)) if self.members and spared else None
        return Background(spared, canaries, record)

    def opened(self, original: Original | None, progress: Progress) -> DistilledSet:
        """The file's content, its pixel space known; a ``RefusedFileError`` where it is no distilled set or would do harm."""
        return open_set(
            self.path,
            original,
            run=self.run,
            packing=self.packing,
            pixel_space=self.pixel_space,
            progress=progress,
        )


@dataclass(frozen=True, eq=False)
class Background:
    """What is known besides the file: the original less any canaries, the canaries' trial, the record of members."""

    original: Original | None
    canaries: SealedTrial | None
    membership: MembershipRecord | None

    def case(
        self,
        distilled: DistilledSet,
        config: AuditConfig,
        device: torch.device,
        store: Store,
        progress: Progress,
        executor: Executor,
    ) -> AuditCase:
        """What the checks are given.

        Raises
        ------
        AuditError
            Where the settings name a recipe or an architecture that does not exist: better now than when it is its turn.
        """
        require_recipe(config.recipe)
        for architecture in config.cross_architectures:
            require(architecture)
        return AuditCase(
            distilled,
            self.original,
            config,
            device,
            store,
            progress,
            executor,
            canaries=self.canaries,
            membership=self.membership,
        )

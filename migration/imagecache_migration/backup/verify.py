"""Checks a backup: every file that it names, and every file in its folder."""

from collections import defaultdict
from dataclasses import dataclass, field

from imagecache_migration.backup.create import Progress
from imagecache_migration.backup.folder import (
    MANIFEST,
    BackupFolder,
    DamagedFileError,
    Manifest,
    original_name,
)
from imagecache_migration.backup.stack_rows import CONTACTS, IMAGES, PEOPLE

ADDITIONAL = "additional"
"""The problem of a file that the backup does not name. It does no harm."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A file that is damaged or missing, or that no backup names.

    `pictures` is the number of images whose original the file is, and `people` has names of people who have,
    or had, one of these pictures.
    """

    file: str
    problem: str
    pictures: int = 0
    people: tuple[str, ...] = ()


@dataclass(slots=True)
class VerifyReport:
    """The outcome of a check. `checked` is the number of originals that are whole."""

    created_at: str
    checked: int = 0
    checked_bytes: int = 0
    findings: list[Finding] = field(default_factory=list)


def verify(folder: BackupFolder, progress: Progress) -> VerifyReport:
    """Reads every file of the backup, and compares its SHA-256 with the manifest.

    Raises SettingsError if there is no backup, or if its manifest cannot be used, and OSError.
    """
    with folder.locked(writes=False):
        manifest = folder.complete_manifest()
        report = VerifyReport(manifest.created_at)
        damaged = {kind for kind in manifest.rows if _is_damaged(folder, kind, manifest, report)}
        # Without the rows of images, it is not known which originals there should be.
        if IMAGES not in damaged:
            problems, named = _check_originals(folder, manifest, report, progress)
            people = _people(folder, manifest, damaged, problems)
            for problem in problems.values():
                names = _different({name for key in problem.image_keys for name in people.get(key, ())})
                pictures = len(problem.image_keys)
                report.findings.append(Finding(problem.file, problem.problem, pictures, tuple(names)))
            named |= {MANIFEST, *(file.name for file in manifest.rows.values())}
            additional = sorted(name for name in folder.files() if name not in named)
            report.findings += [Finding(name, ADDITIONAL) for name in additional]
    return report


def _different(names: set[str]) -> list[str]:
    """Returns the names in order, and of those that differ only in their case the one with capitals.

    Records of people have names in lower case.
    """
    # Capitals are first in the order of texts, so that they replace what was there before.
    return sorted({name.casefold(): name for name in sorted(names, reverse=True)}.values())


@dataclass(slots=True)
class _Problem:
    """An original that is damaged or missing, and the keys of the images that have it."""

    file: str
    problem: str
    image_keys: list[str] = field(default_factory=list)


def _is_damaged(folder: BackupFolder, kind: str, manifest: Manifest, report: VerifyReport) -> bool:
    """Checks the file with the rows of a kind. Adds a finding and returns True if it is damaged."""
    try:
        folder.check_rows(manifest.rows[kind])
    except DamagedFileError as error:
        report.findings.append(Finding(error.name, f"{error.problem}, with the rows of all {kind}"))
        return True
    return False


def _check_originals(
    folder: BackupFolder, manifest: Manifest, report: VerifyReport, progress: Progress
) -> tuple[dict[str, _Problem], set[str]]:
    """Checks all originals. Returns the problems by file, and the names of all files that should exist."""
    problems: dict[str, _Problem] = {}
    named: set[str] = set()
    for entry in folder.entries(manifest.rows[IMAGES]):
        if entry.original is None:
            continue
        name = original_name(entry.original)
        if name not in named:
            named.add(name)
            try:
                report.checked_bytes += folder.check_original(entry.original)
                report.checked += 1
            except DamagedFileError as error:
                problems[name] = _Problem(name, error.problem)
            progress(IMAGES, 1)
        if name in problems:
            problems[name].image_keys.append(entry.row["imageKey"]["S"])
    return problems, named


def _people(
    folder: BackupFolder, manifest: Manifest, damaged: set[str], problems: dict[str, _Problem]
) -> dict[str, set[str]]:
    """Returns the names of the people and contacts that have these images, by image key."""
    wanted = {key for problem in problems.values() for key in problem.image_keys}
    names: dict[str, set[str]] = defaultdict(set)
    for kind in {CONTACTS, PEOPLE} - damaged if wanted else ():
        for entry in folder.entries(manifest.rows[kind]):
            key, name = (entry.row.get(attribute, {}).get("S") for attribute in ("imageKey", "fullName"))
            if key in wanted and name:
                names[key].add(name)
    return names

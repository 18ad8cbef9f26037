"""Backs up, restores and checks for the command line, and for a service that does it every day."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from imagecache.errors import StoreUnavailableError
from imagecache.wiring import Wiring
from imagecache_cli.access import Engine
from imagecache_cli.errors import CommandError, SettingsError
from imagecache_migration.backup.create import BackupMaker, BackupReport, Progress
from imagecache_migration.backup.folder import BackupFolder
from imagecache_migration.backup.restore import Restorer, RestoreReport
from imagecache_migration.backup.restore_record import RestoreRecords
from imagecache_migration.backup.verify import VerifyReport, verify
from imagecache_migration.deployed_stack import deployed_wiring

# Pictures are copied in parallel, because each copy from a home mostly waits for the network.
_AT_ONCE = 8


def back_up(path: Path, place: str | Engine, *, force: bool, progress: Progress) -> BackupReport:
    """Backs up the stack with this name on AWS, or the stack in this engine, into the folder `path`.

    Raises CommandError; SettingsError is one that the person has to correct.
    """
    with _errors_of_the_command(path):
        wiring = deployed_wiring(place)
        return backup_maker(wiring).back_up(BackupFolder(path), force=force, progress=progress)


def restore(path: Path, place: str | Engine, *, merge: bool, progress: Progress) -> RestoreReport:
    """Restores the backup in the folder `path` into this stack. Raises CommandError."""
    with _errors_of_the_command(path):
        wiring = deployed_wiring(place)
        return restorer(wiring).restore(BackupFolder(path), merge=merge, progress=progress)


def check(path: Path, *, progress: Progress) -> VerifyReport:
    """Checks the backup in the folder `path`. Raises CommandError."""
    with _errors_of_the_command(path):
        return verify(BackupFolder(path), progress)


def backup_maker(wiring: Wiring, *, at_once: int = _AT_ONCE) -> BackupMaker:
    """Returns what backs up a stack."""
    return BackupMaker(wiring=wiring, restores=_restore_records(wiring), at_once=at_once)


def restorer(wiring: Wiring, *, at_once: int = _AT_ONCE) -> Restorer:
    """Returns what restores a backup into a stack."""
    return Restorer(wiring=wiring, restores=_restore_records(wiring), at_once=at_once)


def _restore_records(wiring: Wiring) -> RestoreRecords:
    return RestoreRecords(table_name=wiring.config.sync_state_table, dynamodb=wiring.client("dynamodb"))


@contextmanager
def _errors_of_the_command(path: Path) -> Iterator[None]:
    """Translates errors to CommandError or SettingsError, which the command line prints on one line."""
    try:
        yield
    except (BotoCoreError, ClientError, PynamoDBException, StoreUnavailableError) as error:
        raise CommandError(f"{error} (what was copied is kept: run the command again)") from error
    except OSError as error:
        raise _disk_error(path, error) from error


def _disk_error(path: Path, error: OSError) -> CommandError:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return CommandError(
                f"no space is left for {path}, which keeps its last backup: free some and run this again"
            )
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return SettingsError(f"{path} may not be read or written: check its owner and its permissions")
        case errno.ENOTDIR | errno.EEXIST:
            return SettingsError(f"{path} is not a folder: choose another path")
    return CommandError(f"{path} cannot be read or written: {error.strerror}")

"""A backup of a stack in the engine, with several requests at a time, restored into the emptied stack."""

from pathlib import Path

from imagecache_migration.backup.folder import BackupFolder
from imagecache_migration.backup.verify import verify
from imagecache_migration.backup.work import backup_maker, restorer
from tests.integration.backup_world import EVERYTHING, everything, fill, ignore, objects, shown_files
from tests.integration.conftest import TABLES, Stack
from tests.tables import create_tables


def test_a_stack_that_lost_everything_is_as_before_after_a_restore(stack: Stack, tmp_path: Path) -> None:
    empty(stack)
    fill(stack, EVERYTHING)
    expected, files = everything(stack), shown_files(stack)
    folder = BackupFolder(tmp_path / "backup")
    first = backup_maker(stack.wiring).back_up(folder, force=False, progress=ignore)
    second = backup_maker(stack.wiring).back_up(folder, force=False, progress=ignore)
    assert (first.lost, first.new_originals, second.new_originals) == (0, 3, 0)
    assert verify(folder, ignore).findings == []
    empty(stack)
    lost = Stack(stack.dynamodb, stack.s3, stack.sqs, stack.queue_url)

    report = restorer(lost.wiring).restore(folder, merge=False, progress=ignore)

    assert not report.has_left_out
    assert everything(lost) == expected
    assert shown_files(lost) == files
    continued = backup_maker(lost.wiring).back_up(folder, force=False, progress=ignore)
    assert (continued.new_originals, continued.originals) == (0, 3)


def empty(stack: Stack) -> None:
    """Replaces the tables by empty ones, also that with the salt, and deletes all objects."""
    for name in TABLES:
        stack.dynamodb.delete_table(TableName=name)
    create_tables(stack.dynamodb, *TABLES)
    for entry in objects(stack):
        stack.s3.delete_object(Bucket="images", Key=entry["Key"])

"""Former pictures in the sweep: kept while their person is in a chat, and never downloaded again."""

from dataclasses import replace

import pytest

from imagecache.errors import ConflictError
from imagecache.model.contact import Contact, KeptBy
from imagecache.model.image import ImageRef
from imagecache.model.person import KnownPicture
from imagecache.rules.source_urls import image_key
from imagecache.stores.blobs import object_keys
from imagecache.usecases.upkeep.sweep_people import REMEMBERED_FOR
from imagecache.usecases.upkeep.sweep_rows import GRACE
from tests.integration.conftest import Stack
from tests.integration.made import CHAT, person, put
from tests.integration.sweeping import (
    DAY,
    NO_TIME,
    PLENTY_OF_TIME,
    begun,
    counted,
    keep,
    lose,
    nights,
    sweep_of,
    swept,
)

PERSON_ID = "phone#ada"
ADA = replace(person("Ada"), person_ids=(PERSON_ID,))
WEB = "https://example.org/ada.png"
FORMER_WEB = "https://example.org/ada_before.png"


def store_ada(stack: Stack, source_url: str | None = None) -> None:
    """Stores a chat with Ada, whose own picture is at this URL."""
    image = ImageRef(image_key(source_url)) if source_url else None
    put(stack, replace(CHAT, participants=(replace(ADA, source_url=source_url, image=image),)))


def remember(stack: Stack, source_url: str, *, named_until: int) -> KnownPicture:
    """Records a picture of Ada, as sync does."""
    key = image_key(source_url)
    picture = KnownPicture(key, source_url, "WhatsApp", None, first_seen=1, named_until=named_until)
    stack.wiring.people_table.record([(PERSON_ID, picture)], fence=1)
    return picture


def due_orphans(stack: Stack) -> None:
    """Caches two images that nothing shows, and lets them become due for deletion."""
    keep(stack, "s/face", "red")
    keep(stack, "s/other", "blue")
    nights(stack, 2)
    assert counted(swept(stack)) == {"marked": 2}
    nights(stack, GRACE // DAY)


def test_a_due_orphan_is_kept_as_a_former_picture_until_a_grace_after_its_person_was_forgotten(
    stack: Stack,
) -> None:
    due_orphans(stack)
    store_ada(stack)
    remember(stack, "mxc://s/face", named_until=stack.now)
    swept(stack)
    assert stack.row("s/other") == {}
    assert "orphanedAt" not in stack.row("s/face")
    stack.participants_table.remove([(CHAT.chat_id, ADA.participant_id)], fence=1)
    for days in (1, REMEMBERED_FOR // DAY, GRACE // DAY - 1):
        nights(stack, days)
        swept(stack)
        assert stack.row("s/face")["status"] == "cached"
    nights(stack, 1)
    swept(stack)
    assert stack.row("s/face") == {}


def test_a_due_orphan_that_becomes_a_former_picture_during_the_sweep_is_kept(stack: Stack) -> None:
    due_orphans(stack)
    store_ada(stack)
    job = begun(stack)
    work = sweep_of(stack).run
    job = stack.wiring.job_runner.run(job.job_id, work, NO_TIME)
    assert job.progress["due"] == 2
    remember(stack, "mxc://s/face", named_until=stack.now)
    job = stack.wiring.job_runner.run(job.job_id, work, PLENTY_OF_TIME)
    assert (job.is_over, job.progress["deleted"]) == (True, 1)
    assert stack.row("s/face")["status"] == "cached"


@pytest.mark.parametrize("has_original", [True, False], ids=["whole", "without its original"])
def test_a_picture_of_the_web_is_not_downloaded_again_once_it_is_only_a_former_one(
    stack: Stack, *, has_original: bool
) -> None:
    store_ada(stack, WEB)
    keep(stack, image_key(WEB), url=WEB)
    remember(stack, WEB, named_until=0)
    remember(stack, FORMER_WEB, named_until=stack.now)
    former = keep(stack, image_key(FORMER_WEB), "blue", url=FORMER_WEB)
    if not has_original:
        lose(stack, object_keys(former)[0])
    nights(stack, 30)
    stack.cached_images.record_look_up(image_key(FORMER_WEB), now=stack.now)
    sweep = sweep_of(stack, refetch_media_after=DAY)
    assert counted(swept(stack, sweep)) == {"revalidated": 1}
    assert "refreshRequestedAt" in stack.row(image_key(WEB))
    assert "refreshRequestedAt" not in stack.row(image_key(FORMER_WEB))


def test_a_refresh_downloads_a_picture_of_the_web_only_while_something_has_it_now(stack: Stack) -> None:
    store_ada(stack, WEB)
    for url, color in ((WEB, "red"), (FORMER_WEB, "blue"), ("mxc://s/former", "green")):
        keep(stack, image_key(url), color)
        remember(stack, url, named_until=1)
    refresh = stack.wiring.image_changes.refresh
    with pytest.raises(ConflictError, match="its URL may have another picture now"):
        refresh(FORMER_WEB)
    assert "refreshRequestedAt" not in stack.row(FORMER_WEB)
    for url in (WEB, "mxc://s/former"):
        refresh(url)
        assert "refreshRequestedAt" in stack.row(image_key(url))
    contact = Contact("ada", "Ada", FORMER_WEB, ImageRef(image_key(FORMER_WEB)), (), KeptBy.MANUAL)
    stack.contacts_table.put(contact)
    refresh(FORMER_WEB)
    assert "refreshRequestedAt" in stack.row(FORMER_WEB)


@pytest.mark.parametrize("change", ["named again", "chosen"])
def test_a_record_that_changes_after_the_scan_is_not_deleted(stack: Stack, change: str) -> None:
    people_table = stack.wiring.people_table
    picture = remember(stack, "mxc://s/face", named_until=stack.now)
    scanned = people_table.everybody().items
    if change == "chosen":
        assert people_table.choose([(PERSON_ID, picture.image_key)], now=stack.now)
    else:
        remember(stack, "mxc://s/face", named_until=0)
    people_table.delete(scanned)
    assert people_table.several([PERSON_ID])[PERSON_ID].pictures.keys() == {"s/face"}
    people_table.delete(people_table.everybody().items)
    assert people_table.several([PERSON_ID])[PERSON_ID].pictures == {}


def test_a_row_of_a_chat_whose_id_begins_like_the_key_of_a_person_ends_no_sweep(stack: Stack) -> None:
    """Such a chat is not stored, but an older version may have stored it."""
    row = {"chatId": "person#x", "participantId": "@ada:example.org", "imageKey": "s/face"}
    item = {name: {"S": value} for name, value in row.items()}
    stack.dynamodb.put_item(TableName="ChatParticipantsTable", Item=item)
    assert [row.picture for row in stack.wiring.people_table.everybody().items] == [None]

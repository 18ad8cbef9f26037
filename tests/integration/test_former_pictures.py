"""A face outlives the participant id of its person: a picture that Beeper no longer names is still shown."""

from dataclasses import replace
from typing import Any

import pytest
import requests

from demo.chats import Chat, Network, Person
from demo.media import Media, Picture
from demo.service import DemoAccount
from imagecache.clock import DAY, HOUR
from imagecache.model.image import ImageStatus
from imagecache.model.person import FormerPictures
from imagecache.queues.images import from_body
from imagecache.rules.people import MOST_PICTURES
from imagecache.usecases.upkeep.sweep_people import REMEMBERED_FOR
from imagecache.wiring import Wiring
from tests.integration.api import Api
from tests.integration.conftest import Stack, leave_out_similar_chats
from tests.integration.contacts_world import INSTAGRAM, PICTURE, SIGNAL, World, alone
from tests.integration.demo_chats import ME, chat_with
from tests.integration.made import cache
from tests.integration.sweeping import keep, swept, synced

NUMBER = "+442079460958"
FACE = Picture.remote(Media("local.beeper.com", "alex_ada"))
NEW_FACE = Picture.remote(Media("local.beeper.com", "alex_ada_2"))
ADA = Person("@whatsapp_442079460958:beeper.local", "Ada", phone_number=NUMBER, picture=FACE)
MOVED = Person("@whatsapp_lid-90071992547409:beeper.local", "Ada", phone_number=NUMBER)
WITHOUT_NUMBER = replace(MOVED, phone_number=None)
ON_SIGNAL = Person("@signal_ada:beeper.local", "Ada", phone_number=NUMBER, picture=FACE)
BOB = Person("@whatsapp_442079460959:beeper.local", "Bob", phone_number="+442079460959")
Pictured = tuple[str | None, str]


class PeopleWorld(World):
    """Adds what tests of former pictures ask: who is shown with which picture."""

    def complete_sync(self) -> None:
        """Syncs completely, and caches all that was queued, as the cacher does."""
        self.stack.now += HOUR
        report = self.sync(complete=True)
        assert report.outcome == "ok"
        self.cache_everything()

    def cache_everything(self) -> None:
        for message in self.stack.messages():
            key = from_body(message["body"]).image_key
            cache(self.stack, key, _blob(key))

    def forget(self, picture: Picture) -> None:
        assert self.stack.cached_images.forget(_key(picture))

    def pictures(self, number: int = 0) -> dict[str, Pictured]:
        """Returns whose picture each other member of a chat shows, and which, by participant id."""
        answer = self.api.get("/api/chat", chatId=chat_with(number).id)
        return {
            member["participantId"]: _pictured(member["image"])
            for member in answer["participants"]
            if "isSelf" not in member
        }

    def face(self, number: int = 0) -> Pictured:
        """Returns whose picture a chat shows in the list of chats, and which."""
        chats = {chat["chatId"]: chat for chat in self.api.get("/api/chats")["chats"]}
        return _pictured(chats[chat_with(number).id]["image"])

    def former(self, person: Person, number: int = 0) -> list[dict[str, Any]]:
        query = {"chatId": chat_with(number).id, "participantId": person.id}
        pictures: list[dict[str, Any]] = self.api.get("/api/people/pictures", **query)["pictures"]
        return pictures


def _pictured(image: Any) -> Pictured:
    shown = image["url"].split("/")[2] if "url" in image else image["status"]
    return image.get("source"), shown


def current(picture: Picture) -> Pictured:
    return "participant", _blob(_key(picture))


def former(picture: Picture) -> Pictured:
    return "former", _blob(_key(picture))


def _key(picture: Picture) -> str:
    assert picture.media
    return picture.media.key


def _blob(image_key: str) -> str:
    """Returns the id of the content with which the tests cache an image."""
    return f"blob of {image_key.rpartition('/')[2]}"


@pytest.fixture
def world(stack: Stack, demo: DemoAccount, session: requests.Session) -> PeopleWorld:
    return PeopleWorld(stack, demo, session, Api(stack))


def group(number: int, *people: Person) -> Chat:
    return replace(chat_with(number, *people), is_group=True)


def test_a_face_is_shown_after_the_person_was_moved_to_another_id(world: PeopleWorld) -> None:
    world.has(chat_with(0, ADA), group(1, ADA, BOB))
    world.complete_sync()
    world.has(chat_with(0, MOVED), group(1, MOVED, BOB))
    world.complete_sync()
    assert world.face() == former(FACE)
    assert world.pictures(0) == {MOVED.id: former(FACE)}
    assert world.pictures(1) == {MOVED.id: former(FACE), BOB.id: (None, "none")}


@pytest.mark.parametrize(
    ("username", "new_id"), [("ada", "@other:s"), (None, "@ada:s")], ids=["user name", "same id"]
)
def test_a_face_is_shown_after_the_picture_of_a_person_without_a_number_has_vanished(
    world: PeopleWorld, username: str | None, new_id: str
) -> None:
    ada = Person("@ada:s", "Ada", username=username, picture=FACE)
    world.has(chat_with(0, ada))
    world.complete_sync()
    world.has(chat_with(0, replace(ada, picture=None, id=new_id)))
    world.complete_sync()
    assert world.face() == former(FACE)


def test_a_new_chat_shows_the_face_though_the_old_chat_is_still_stored_and_also_when_it_is_deleted(
    world: PeopleWorld,
) -> None:
    world.has(chat_with(0, ADA), chat_with(5, BOB))
    world.complete_sync()
    world.has(chat_with(1, MOVED), chat_with(5, BOB))
    for _ in range(3):
        world.complete_sync()
        assert world.face(1) == former(FACE)
    assert world.stack.chats_table.one(chat_with(0).id) is None


def test_a_face_comes_back_when_the_phone_number_arrives_long_after_the_old_chat_was_deleted(
    world: PeopleWorld,
) -> None:
    world.has(chat_with(0, ADA), chat_with(5, BOB))
    blob = synced_with_face(world)
    world.has(chat_with(1, WITHOUT_NUMBER), chat_with(5, BOB))
    for _ in range(3):
        world.complete_sync()
    assert world.face(1) == (None, "none")
    age_by_sweeps(world, 5 * 30 * DAY)
    world.has(chat_with(1, MOVED), chat_with(5, BOB))
    world.complete_sync()
    assert world.face(1) == ("former", blob)


def test_a_face_stays_when_the_phone_number_vanishes_later(world: PeopleWorld) -> None:
    for person in (ADA, MOVED, WITHOUT_NUMBER):
        world.has(chat_with(0, person))
        world.complete_sync()
    assert world.face() == former(FACE)


def test_the_former_picture_is_shown_until_the_new_one_is_cached(world: PeopleWorld) -> None:
    world.has(chat_with(0, ADA))
    world.complete_sync()
    world.has(chat_with(0, replace(ADA, picture=NEW_FACE)))
    world.stack.now += HOUR
    world.sync(complete=True)
    assert world.face() == former(FACE)
    world.cache_everything()
    assert world.face() == ("participant", former(NEW_FACE)[1])
    [picture] = world.former(ADA)
    assert picture["image"]["source"] == "former"
    assert (picture["sourceUrl"], picture["isShown"]) == (FACE.url, True)
    assert picture["firstSeen"] < picture["lastNamed"]


def test_a_picture_that_was_never_cached_does_not_take_the_place_of_an_older_one(world: PeopleWorld) -> None:
    world.has(chat_with(0, ADA))
    world.complete_sync()
    world.has(chat_with(0, replace(ADA, picture=NEW_FACE)))
    world.sync(complete=True)
    world.has(chat_with(0, replace(ADA, picture=None)))
    world.sync(complete=True)
    assert world.face() == former(FACE)


def test_a_forgotten_picture_does_not_come_back(world: PeopleWorld) -> None:
    world.has(chat_with(0, ADA))
    world.complete_sync()
    world.forget(FACE)
    world.has(chat_with(0, MOVED))
    world.complete_sync()
    assert world.face() == (None, "none")
    assert world.former(MOVED) == []


def test_forgetting_a_former_picture_ends_it(world: PeopleWorld) -> None:
    for person in (ADA, MOVED):
        world.has(chat_with(0, person))
        world.complete_sync()
    world.forget(FACE)
    world.complete_sync()
    assert world.face() == (None, "none")
    assert world.former(MOVED) == []


def test_another_person_never_gets_the_face(world: PeopleWorld) -> None:
    """Neither a number that differs in one digit suffices, nor a user name of another network or number."""
    ada = replace(ADA, username="ada")
    others = (
        replace(BOB, username=None),
        replace(BOB, id="@b:s", username="ada"),
        replace(MOVED, id="@whatsapp_lid-1:s", phone_number=None),
    )
    world.has(chat_with(0, ada), alone(SIGNAL, Person("@c:s", "Ada", username="ada"), 1))
    world.complete_sync()
    world.has(
        *(chat_with(2 + number, other) for number, other in enumerate(others)),
        alone(SIGNAL, Person("@c:s", "Adah", username="ada"), 1),
    )
    for _ in range(3):
        world.complete_sync()
    assert {world.face(number) for number in range(1, 5)} == {(None, "none")}


def test_a_face_that_only_a_user_name_has_found_ends_when_the_phone_number_is_another(
    world: PeopleWorld,
) -> None:
    ada = Person("@ada:s", "Ada", username="ada", phone_number=NUMBER, picture=FACE)
    gone = replace(ada, picture=None)
    namesake = Person("@namesake:s", "Bea", username="ada")
    world.has(chat_with(0, ada))
    world.complete_sync()
    world.has(chat_with(0, gone))
    world.complete_sync()
    world.has(chat_with(0, gone), chat_with(1, namesake))
    world.complete_sync()
    assert world.face(1) == former(FACE)
    world.has(chat_with(0, gone), chat_with(1, replace(namesake, phone_number=BOB.phone_number)))
    world.complete_sync()
    assert world.face(1) == (None, "none")


def test_a_number_that_two_members_of_a_group_share_gives_neither_the_others_face(world: PeopleWorld) -> None:
    child = Person("@child:s", "Child", phone_number=NUMBER)
    for named in (child, child, replace(child, phone_number=None)):
        world.has(group(0, ADA, named))
        world.complete_sync()
        assert world.pictures(0)[child.id] == (None, "none")


def test_two_people_with_one_number_in_chats_of_their_own_get_no_face_that_is_named_for_the_other(
    world: PeopleWorld,
) -> None:
    child = Person("@child:s", "Child", phone_number=NUMBER)
    world.has(chat_with(0, ADA), chat_with(1, child))
    for each in (child, replace(child, full_name="Child C.")):
        world.has(chat_with(0, ADA), chat_with(1, each))
        world.complete_sync()
        assert (world.face(0), world.face(1)) == (current(FACE), (None, "none"))
        assert world.former(each, 1) == []
    world.has(chat_with(0, replace(ADA, picture=None)), chat_with(1, replace(child, picture=NEW_FACE)))
    world.complete_sync()
    assert (world.face(0), world.face(1)) == (former(FACE), current(NEW_FACE))


def test_a_person_who_gets_another_name_keeps_the_face_in_other_chats(world: PeopleWorld) -> None:
    for name in ("Ada", "Ada Lovelace"):
        ada, moved = replace(ADA, full_name=name), replace(MOVED, full_name=name)
        world.has(chat_with(0, ada), chat_with(1, moved))
        world.complete_sync()
        world.complete_sync()
        assert world.face(1) == former(FACE)


def test_a_face_that_is_still_named_for_its_person_does_not_stay_with_another_one(world: PeopleWorld) -> None:
    child = Person("@child:s", "Child", phone_number=NUMBER)
    for named in (child, replace(child, phone_number=None)):
        world.has(chat_with(0, ADA), chat_with(1, named))
        world.complete_sync()
        world.complete_sync()
    assert world.face(1) == (None, "none")


def test_a_face_that_a_wrong_number_has_found_ends_when_the_number_is_corrected(world: PeopleWorld) -> None:
    ada = replace(ADA, picture=NEW_FACE)
    bob = replace(MOVED, full_name="Bob")
    world.has(chat_with(0, ADA))
    world.complete_sync()
    for named in (bob, replace(bob, phone_number=BOB.phone_number)):
        world.has(chat_with(0, ada), chat_with(1, named))
        world.complete_sync()
        world.complete_sync()
    assert world.face(1) == (None, "none")


def test_a_person_who_changes_the_number_and_not_the_id_keeps_the_face(world: PeopleWorld) -> None:
    ada = Person("@signal_ada:s", "Ada", phone_number=NUMBER, picture=FACE)
    for named in (ada, replace(ada, picture=None), replace(ada, picture=None, phone_number=BOB.phone_number)):
        world.has(alone(SIGNAL, named, 0))
        world.complete_sync()
    assert world.face() == former(FACE)


def test_accounts_that_are_deleted_and_get_the_same_user_name_share_no_face(world: PeopleWorld) -> None:
    ada = Person("@ig_1:s", "Ada", username="ada", picture=FACE)
    bea = Person("@ig_2:s", "Bea", username="bea")
    deleted = [replace(each, username="deleted", full_name="User", picture=None) for each in (ada, bea)]
    for one, other in ((ada, bea), (deleted[0], bea), deleted):
        world.has(alone(INSTAGRAM, one, 0), alone(INSTAGRAM, other, 1))
        world.complete_sync()
        world.complete_sync()
    assert world.face(0) == former(FACE)
    assert world.face(1) == (None, "none")


def merged_chat(number: int, person: Person, network: Network) -> Chat:
    return replace(alone(network, person, number), quirks={"merge": {"chatIDs": [f"!merged_{number}:s"]}})


@pytest.mark.parametrize("network", [Network("", "matrix"), Network("Beeper (Matrix)", "matrix")])
def test_in_a_union_a_user_name_identifies_a_person_in_their_own_network_only(
    world: PeopleWorld, network: Network
) -> None:
    ada = Person("@instagram_1:s", "Ada", username="ada", picture=FACE)
    moved = replace(ada, id="@instagram_2:s", picture=None)
    namesake = Person("@twitter_1:s", "Ada", username="ada")
    world.has(merged_chat(0, ada, network), merged_chat(1, namesake, network))
    world.complete_sync()
    world.has(merged_chat(0, moved, network), merged_chat(1, namesake, network))
    world.complete_sync()
    assert world.face(0) == former(FACE)
    assert world.face(1) == (None, "none")


def test_the_own_picture_of_a_group_is_nobodys_face_but_that_of_a_single_chat_is(world: PeopleWorld) -> None:
    ada = replace(ADA, picture=None)
    world.has(replace(group(0, ada, BOB), picture=NEW_FACE), replace(chat_with(1, ada), picture=FACE))
    world.complete_sync()
    world.has(group(0, MOVED, BOB), chat_with(1, MOVED))
    world.complete_sync()
    assert world.face(1) == former(FACE)
    assert world.pictures(0) == {MOVED.id: former(FACE), BOB.id: (None, "none")}


def test_a_single_chats_own_picture_is_not_listed_as_a_former_picture_of_its_person(
    world: PeopleWorld,
) -> None:
    ada = replace(ADA, picture=None)
    world.has(replace(chat_with(0, ada), picture=FACE))
    world.complete_sync()
    assert world.former(ada) == []
    world.has(replace(chat_with(0, ada), picture=NEW_FACE))
    world.complete_sync()
    assert [each["sourceUrl"] for each in world.former(ada)] == [f"mxc://{_key(FACE)}"]


def test_oneself_has_no_former_picture(world: PeopleWorld) -> None:
    me = replace(ME, picture=FACE)
    chat = chat_with(0, BOB)
    world.has(replace(chat, people=(me, BOB)))
    world.complete_sync()
    world.has(replace(chat, people=(ME, BOB)))
    world.complete_sync()
    assert world.former(ME) == []


def test_a_link_made_by_hand_follows_the_person(world: PeopleWorld) -> None:
    world.has(chat_with(0, replace(ADA, picture=None)), chat_with(5, BOB))
    world.complete_sync()
    world.put("ada", participantIds=[ADA.id])
    world.complete_sync()
    assert world.face()[0] == "contact"
    world.has(chat_with(0, MOVED), chat_with(1, MOVED), chat_with(5, BOB))
    world.complete_sync()
    assert world.linked("ada") == [0, 1]
    assert (world.face(0)[0], world.face(1)[0]) == ("contact", "contact")
    world.put("ada", picture=None, participantIds=[])
    world.complete_sync()
    assert world.linked("ada") == []


def test_the_contacts_picture_comes_before_the_former_one(world: PeopleWorld) -> None:
    for person in (ADA, MOVED):
        world.has(chat_with(0, person))
        world.complete_sync()
    world.put("ada", identifiers={"phone": [NUMBER]})
    world.complete_sync()
    assert world.face()[0] == "contact"
    world.remove("ada")
    world.complete_sync()
    assert world.face() == former(FACE)


def with_setting(world: PeopleWorld, setting: FormerPictures) -> PeopleWorld:
    """Returns the same account and tables, in a stack that was deployed with this setting."""
    stack = world.stack
    config = replace(stack.wiring.config, former_pictures=setting)
    stack.wiring = Wiring(config, make_client=stack.wiring.client, clock=stack.clock)
    return PeopleWorld(stack, world.demo, world.session, Api(stack))


def test_pictures_are_kept_without_being_shown_until_they_are_to_be_shown(world: PeopleWorld) -> None:
    world = with_setting(world, FormerPictures.KEEP)
    for person in (ADA, MOVED):
        world.has(chat_with(0, person))
        world.complete_sync()
    assert world.face() == (None, "none")
    assert world.pictures() == {MOVED.id: (None, "none")}
    [picture] = world.former(MOVED)
    assert picture["sourceUrl"] == FACE.url
    assert with_setting(world, FormerPictures.SHOW).face() == former(FACE)


def test_dropped_pictures_are_neither_recorded_nor_kept(world: PeopleWorld) -> None:
    for person in (ADA, MOVED):
        world.has(chat_with(0, person))
        world.complete_sync()
    world = with_setting(world, FormerPictures.DROP)
    assert world.face() == (None, "none")
    swept(world.stack)
    assert world.former(MOVED) == []
    assert not world.stack.participants_table.referring(_key(FACE), limit=1)
    world.has(chat_with(0, replace(ADA, picture=NEW_FACE)))
    world.complete_sync()
    world.has(chat_with(0, ADA))
    world.complete_sync()
    assert world.former(ADA) == []


def test_one_former_picture_can_be_chosen_for_all_chats(world: PeopleWorld) -> None:
    for picture in (FACE, NEW_FACE, None):
        ada = replace(ADA, picture=picture)
        world.has(chat_with(0, ada), group(1, ada, BOB))
        world.complete_sync()
    assert world.face() == former(NEW_FACE)
    member = {"chatId": chat_with(0).id, "participantId": ADA.id}
    route = "POST /api/people/pictures/choose"
    assert world.api.ask(route, {**member, "sourceUrl": PICTURE})[0] == 404
    status, answer = world.api.ask(route, {**member, "sourceUrl": FACE.url})
    assert (status, [*answer]) == (200, ["jobId"])
    world.sync()
    assert world.face() == former(FACE)
    assert world.pictures(1)[ADA.id] == former(FACE)
    assert [(each["isChosen"], each["isShown"]) for each in world.former(ADA)] == [(True,) * 2, (False,) * 2]


def test_a_picture_that_becomes_a_former_one_later_is_shown_in_chats_that_are_stored_already(
    world: PeopleWorld,
) -> None:
    world.has(chat_with(0, MOVED), alone(SIGNAL, ON_SIGNAL, 1))
    world.complete_sync()
    assert world.face() == (None, "none")
    world.has(chat_with(0, MOVED), alone(SIGNAL, replace(ON_SIGNAL, picture=None), 1))
    world.complete_sync()
    assert world.face() == former(FACE)
    assert world.pictures() == {MOVED.id: former(FACE)}
    world.has(chat_with(0, WITHOUT_NUMBER), alone(SIGNAL, replace(ON_SIGNAL, picture=None), 1))
    world.complete_sync()
    assert world.face() == former(FACE)


def test_a_former_picture_can_be_chosen_for_a_member_who_shows_none_yet(world: PeopleWorld) -> None:
    world.has(chat_with(0, MOVED), alone(SIGNAL, ON_SIGNAL, 1))
    world.complete_sync()
    world.has(chat_with(0, MOVED), alone(SIGNAL, replace(ON_SIGNAL, picture=None), 1))
    world.sync()
    assert [each["isShown"] for each in world.former(MOVED)] == [False]
    member = {"chatId": chat_with(0).id, "participantId": MOVED.id}
    status, _ = world.api.ask("POST /api/people/pictures/choose", {**member, "sourceUrl": FACE.url})
    assert status == 200
    world.sync()
    assert world.face() == former(FACE)


def test_a_relinking_does_not_read_the_people_of_members_one_by_one(world: PeopleWorld) -> None:
    people = [
        replace(ADA, id=f"@{number}:s", phone_number=f"{NUMBER[:-2]}{number}") for number in range(10, 18)
    ]
    world.has(group(0, *people))
    world.complete_sync()
    world.has(group(0, *(replace(each, picture=None) for each in people)))
    world.complete_sync()
    assert set(world.pictures().values()) == {former(FACE)}
    world.put("bob", identifiers={"phone": [str(BOB.phone_number)]})
    world.stack.calls.clear()
    world.sync()
    assert world.stack.calls.count("Query") < len(people)


def test_the_oldest_pictures_of_a_person_are_dropped(world: PeopleWorld) -> None:
    pictures = [
        Picture.remote(Media("local.beeper.com", f"alex_{number}")) for number in range(MOST_PICTURES + 3)
    ]
    for picture in pictures:
        world.has(chat_with(0, replace(ADA, picture=picture)))
        world.complete_sync()
    urls = [each["sourceUrl"] for each in world.former(ADA)]
    assert urls == [each.url for each in pictures[-2 : -MOST_PICTURES - 2 : -1]]
    assert len(urls) == MOST_PICTURES
    swept(world.stack)
    assert [each["sourceUrl"] for each in world.former(ADA)] == urls
    records = world.stack.wiring.people_table.everybody().items
    assert len(records) <= 2 * MOST_PICTURES + 1, "of the participant id and of the number"


def age_by_sweeps(world: PeopleWorld, milliseconds: int) -> None:
    """Lets this time pass in steps of 30 days, with a complete sync and a sweep at the end of each."""
    for _ in range(milliseconds // (30 * DAY)):
        world.stack.now += 30 * DAY
        synced(world.stack)
        swept(world.stack, force=True)


def synced_with_face(world: PeopleWorld) -> str:
    """Syncs, stores the objects of FACE, which is the only picture, and returns its blob id."""
    world.stack.now += HOUR
    world.sync(complete=True)
    assert len(world.stack.messages()) == 1
    return keep(world.stack, _key(FACE))


def test_the_sweep_keeps_a_face_as_long_as_its_person_is_in_a_chat(world: PeopleWorld) -> None:
    world.has(chat_with(0, ADA))
    blob = synced_with_face(world)
    world.has(chat_with(0, MOVED))
    world.complete_sync()
    age_by_sweeps(world, REMEMBERED_FOR + 3 * 30 * DAY)
    assert world.face() == ("former", blob)


def test_the_sweep_drops_a_face_half_a_year_after_its_person_was_in_a_chat(world: PeopleWorld) -> None:
    world.has(chat_with(0, ADA), chat_with(5, BOB))
    synced_with_face(world)
    world.has(chat_with(5, BOB))
    for _ in range(3):
        world.complete_sync()
    age_by_sweeps(world, REMEMBERED_FOR)
    assert world.stack.cached_images.views([_key(FACE)])[_key(FACE)].status is ImageStatus.CACHED
    age_by_sweeps(world, 3 * 30 * DAY)
    assert world.stack.cached_images.views([_key(FACE)]) == {}
    assert world.stack.wiring.people_table.everybody().items == []


def test_records_of_people_are_in_no_list_and_in_no_number(world: PeopleWorld) -> None:
    for person in (ADA, MOVED):
        world.has(chat_with(0, person))
        world.complete_sync()
    assert world.api.get("/api/images/uncached")["references"] == []
    members, _ = world.stack.participants_table.members(after=None)
    assert {member.chat_id for member in members} == {chat_with(0).id}
    references = list(world.stack.participants_table.references())
    assert {(each.chat_id, each.participant_id) for each in references} == {(chat_with(0).id, MOVED.id)}
    status, story = world.api.ask("POST /api/images/explain", {"sourceUrl": FACE.url})
    assert (status, story["shownBy"]) == (200, [])
    assert "recorded for a person. It is also shown where" in " ".join(story["summary"])


def test_a_former_picture_that_is_not_cached_is_not_said_to_be_shown(world: PeopleWorld) -> None:
    world.has(chat_with(0, ADA))
    synced_with_face(world)
    world.stack.cached_images.forget(_key(FACE))
    _, story = world.api.ask("POST /api/images/explain", {"sourceUrl": FACE.url})
    assert "recorded for a person. Once it is cached, it is also shown" in " ".join(story["summary"])


class KilledError(Exception):
    """Raised where the process of the function is killed."""


def killed_at_call(world: PeopleWorld, number: int) -> bool:
    """Runs a complete sync that is killed at its nth call of AWS. Returns False if it ended before."""
    remaining = [number]

    def kill(**_: Any) -> None:
        remaining[0] -= 1
        if remaining[0] < 0:
            raise KilledError

    events = world.stack.dynamodb.meta.events
    events.register("before-call.*.*", kill)
    try:
        world.stack.now += HOUR
        world.sync(complete=True)
    except KilledError:
        return True
    finally:
        events.unregister("before-call.*.*", kill)
        world.stack.now += HOUR  # the lease of the lock lapses
    return False


def test_no_crash_loses_a_face(world: PeopleWorld) -> None:
    """The person is moved, and moved back with a new picture, until a run is not killed any more."""
    calls = 0
    while True:
        world.has(chat_with(0, ADA), group(1, ADA, BOB))
        world.complete_sync()
        world.has(chat_with(0, MOVED), group(1, MOVED, BOB))
        was_killed = killed_at_call(world, calls)
        world.complete_sync()
        assert world.face() == world.pictures(1)[MOVED.id] == former(FACE), f"killed at call {calls}"
        if not was_killed:
            break
        calls += 3
    assert calls > 20


def test_rows_of_an_older_version_lose_no_face(world: PeopleWorld) -> None:
    """The members have no person ids, and the person is moved before any run of this version."""
    dropping = with_setting(world, FormerPictures.DROP)
    dropping.has(chat_with(0, ADA), group(1, ADA, BOB), chat_with(2, ADA))
    dropping.complete_sync()
    world = with_setting(world, FormerPictures.SHOW)
    world.has(chat_with(0, MOVED), group(1, MOVED, BOB))
    for _ in range(3):
        world.complete_sync()
    assert world.face() == world.pictures(1)[MOVED.id] == former(FACE)


def faces(world: PeopleWorld) -> dict[tuple[str, str | None], str]:
    """Returns the picture of each member of each chat that shows one, by the names of chat and member."""
    shown: dict[tuple[str, str | None], str] = {}
    cursor: str | None = None
    while True:
        query = {"filter": "all", "limit": "100", "participants": "20"}
        query |= {"cursor": cursor} if cursor else {}
        page = world.api.get("/api/chats", **query)
        for chat in page["chats"]:
            for member in chat["participants"]:
                if member["image"]["status"] == "cached" and "isSelf" not in member:
                    shown[chat["title"], member.get("fullName")] = member["image"]["url"]
        cursor = page["nextCursor"]
        if not cursor:
            return shown


def test_a_replay_of_the_id_switch_over_the_demo_account_loses_no_face(
    stack: Stack, session: requests.Session
) -> None:
    with DemoAccount(scale=0.15) as demo:
        leave_out_similar_chats(demo.account)
        world = PeopleWorld(stack, demo, session, Api(stack))
        world.complete_sync()
        before = faces(world)
        demo.account.move_people_to_other_ids()
        world.complete_sync()
        assert faces(world).keys() < before.keys(), "the numbers of some arrive later"
        demo.account.reveal_phone_numbers()
        for _ in range(3):
            world.complete_sync()
        after = faces(world)
    lost = before.keys() - after.keys()
    changed = {place for place in before.keys() & after.keys() if before[place] != after[place]}
    assert len(before) > 20
    assert lost == changed == set()

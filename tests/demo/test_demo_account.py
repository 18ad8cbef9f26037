"""The invented people and chats."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from demo.account import DEFAULT_NOW, Account
from demo.chats import Chat, epoch_ms
from demo.media import Media, Picture
from imagecache.rules.source_urls import image_key


def _urls(account: Account) -> set[str]:
    return {picture.url for chat in account.chats for picture in chat.pictures}


def test_two_accounts_of_one_seed_are_identical(full_account: Account) -> None:
    again = Account()
    assert again.chats == full_account.chats
    assert again.gone() == full_account.gone()
    assert again.not_on_disk == full_account.not_on_disk


def test_another_seed_makes_other_media(full_account: Account) -> None:
    other = set(Account(seed=8).deliverable())
    in_both = other & set(full_account.deliverable())
    assert in_both == {"beeper.com/a#b c%d"}


def test_another_date_moves_every_chat_and_changes_nothing_else(full_account: Account) -> None:
    later = timedelta(days=100, hours=3)
    moved = Account(now=DEFAULT_NOW + later)

    def moved_back(chat: Chat) -> Chat:
        last_activity = chat.last_activity and chat.last_activity - later
        quirks = chat.quirks
        if isinstance(quirks.get("lastActivity"), int) and last_activity:
            quirks = {"lastActivity": epoch_ms(last_activity)}
        return replace(chat, last_activity=last_activity, quirks=quirks)

    assert [moved_back(chat) for chat in moved.chats] == full_account.chats


def test_chats_were_active_today_yesterday_and_before(full_account: Account) -> None:
    ages = Counter(
        (DEFAULT_NOW - chat.last_activity).days for chat in full_account.chats if chat.last_activity
    )
    assert ages[0] >= 3
    assert ages[1] >= 1
    assert min(ages) == 0
    assert max(ages) > 365


def test_default_account_is_as_large_as_a_real_one(full_account: Account) -> None:
    chats = full_account.chats
    groups = [chat for chat in chats if chat.is_group]
    sizes = sorted(len(chat.people) for chat in groups)
    assert len(chats) == len({chat.id for chat in chats}) == 180
    assert 0.05 <= len(groups) / len(chats) <= 0.25
    assert sizes[0] == 3
    assert sizes[-2:] == [40, 552]
    assert 250 <= len(full_account.deliverable()) <= 450


def test_scale_changes_the_number_of_chats() -> None:
    assert len(Account(scale=0.3).chats) < 70
    assert len(Account(scale=2).chats) > 350


def test_no_person_is_twice_in_one_chat(full_account: Account) -> None:
    for chat in full_account.chats:
        assert len({person.id for person in chat.people}) == len(chat.people)


def test_about_37_percent_of_the_crowd_have_a_picture(full_account: Account) -> None:
    crowd = max(full_account.chats, key=lambda chat: len(chat.people)).people
    assert 0.36 <= sum(person.picture is not None for person in crowd) / len(crowd) <= 0.38


def test_about_15_percent_of_the_contacts_have_no_picture(full_account: Account) -> None:
    contacts = {
        person.id: person
        for chat in full_account.chats
        for person in chat.people
        if not chat.is_group and not person.is_self and not person.is_network_bot
    }
    without = sum(person.picture is None for person in contacts.values())
    assert 0.12 <= without / len(contacts) <= 0.18


def test_every_shape_of_picture_url_occurs(full_account: Account) -> None:
    shapes = Counter(url.partition(":")[0] if ":" in url else "path" for url in _urls(full_account))
    assert set(shapes) == {"mxc", "localmxc", "file", "https", "data", "path", "C", "http"}
    assert shapes["https"] <= 5
    assert shapes["data"] <= 5
    assert all(".invalid/" in url for url in _urls(full_account) if url.startswith("https:"))


def test_every_shape_of_picture_url_has_the_key_of_its_media(full_account: Account) -> None:
    pictures = [picture for chat in full_account.chats for picture in chat.pictures]
    for picture in pictures:
        assert picture.media is None or image_key(picture.url) == picture.media.key


def test_some_media_have_an_mxc_url_in_one_chat_and_a_file_url_in_another(full_account: Account) -> None:
    forms: dict[Media, set[str]] = {}
    for chat in full_account.chats:
        for picture in chat.pictures:
            if picture.media:
                forms.setdefault(picture.media, set()).add(picture.url)
    in_two_forms = [urls for urls in forms.values() if len(urls) == 2]
    assert len(in_two_forms) >= 5


def test_media_urls_are_encoded_once() -> None:
    odd = Media("beeper.com", "a#b c%d")
    assert odd.mxc_url == "mxc://beeper.com/a%23b%20c%25d"
    assert odd.file_url == (
        "file:///Users/alex/Library/Application%20Support/BeeperTexts/media/beeper.com/a%23b%20c%25d"
    )
    bridged = Media("localhostlocal-whatsapp", "70133907148")
    assert bridged.mxc_url == "localmxc://local-whatsapp/70133907148"
    assert bridged.file_url.endswith("/media/localhostlocal-whatsapp/70133907148")


def test_oddities_that_parsers_must_tolerate_occur(full_account: Account) -> None:
    documents = [chat.as_json(20) for chat in full_account.chats]
    activities = Counter(type(document.get("lastActivity", "")).__name__ for document in documents)
    assert activities["int"] >= 3
    assert activities["NoneType"] == 1
    assert sum("lastActivity" not in document for document in documents) == 1
    assert any(isinstance(document["unreadCount"], str) for document in documents)
    assert sum(len(chat.people) == 1 for chat in full_account.chats) == 1
    assert any(chat.merge for chat in full_account.chats)
    assert any("/" in chat.id for chat in full_account.chats)


def test_a_network_bot_is_listed_before_the_person_in_two_chats(full_account: Account) -> None:
    first = [chat for chat in full_account.chats if chat.people[0].is_network_bot]
    assert len(first) == 2
    assert sum(any(p.is_network_bot for p in chat.people) for chat in full_account.chats) > 2


def test_some_imessage_people_are_bare_numbers(full_account: Account) -> None:
    people = [p for chat in full_account.chats for p in chat.people if p.id.startswith("imsg##")]
    assert any(person.full_name is None and person.phone_number for person in people)
    assert any(person.full_name for person in people)


def test_the_members_of_a_union_show_no_new_media(full_account: Account) -> None:
    unions = [chat for chat in full_account.chats if chat.merge]
    members = [
        member
        for union in unions
        for chat_id in union.member_ids
        if (member := full_account.find_chat(chat_id))
    ]
    assert len(members) == 2 * len(unions) == 6
    media = {picture.media for union in unions for picture in union.pictures}
    assert all(picture.media in media for member in members for picture in member.pictures)


def test_a_new_avatar_shows_in_every_chat_of_the_person() -> None:
    account = Account(scale=0.3)
    myself = next(person for person in account.chats[0].people if person.is_self)
    before = sum(person.id == myself.id for chat in account.chats for person in chat.people)
    account.set_avatar(myself.id, Picture.remote(Media("local.beeper.com", "alex_New")))
    after = [p.picture for chat in account.chats for p in chat.people if p.id == myself.id]
    assert [picture.url for picture in after if picture] == ["mxc://local.beeper.com/alex_New"] * before
    assert "local.beeper.com/alex_New" in account.deliverable()


def test_a_removed_avatar_leaves_no_url() -> None:
    account = Account(scale=0.3)
    person = next(p for c in account.chats for p in c.people if p.picture and not p.is_self)
    account.set_avatar(person.id, None)
    documents = [p.as_json() for c in account.chats for p in c.people if p.id == person.id]
    assert all("imgURL" not in document for document in documents)


def test_downloading_turns_mxc_into_file() -> None:
    account = Account(scale=0.3)
    media = next(p.media for c in account.chats for p in c.pictures if p.media and p.url == p.media.mxc_url)
    account.show_as_file(media.key)
    urls = {p.url for c in account.chats for p in c.pictures if p.media == media}
    assert urls == {media.file_url}


def test_a_message_makes_its_chat_the_newest() -> None:
    account = Account(scale=0.3)
    quiet = account.chats[-1]
    account.receive_message(quiet.id, "Still there?")
    assert account.chats[0].id == quiet.id
    assert account.chats[0].last_message == "Still there?"


def test_chats_are_merged_into_a_union_that_is_listed_instead_of_them() -> None:
    account = Account(scale=0.01)
    first, second, third = [chat for chat in account.chats if len(chat.people) == 2][:3]
    before = {chat.id for chat in account.chats}
    account.merge_chats("!union", [first.id, second.id])
    assert {chat.id for chat in account.chats} == before - {first.id, second.id} | {"!union"}
    union, member = account.find_chat("!union"), account.find_chat(first.id)
    assert union
    assert member
    assert union.as_json(None)["merge"] == {"chatIDs": [first.id, second.id], "defaultChatID": first.id}
    assert {person.id for person in union.people} == {
        person.id for chat in (first, second) for person in chat.people
    }
    assert member.as_json(None)["mergedIntoChatID"] == "!union"
    account.merge_chats("!union", [second.id, third.id])
    assert {chat.id for chat in account.chats} == before - {second.id, third.id} | {"!union"}
    account.remove_chat("!union")
    assert {chat.id for chat in account.chats} == before
    assert all(chat.merged_into is None for chat in (account.find_chat(second.id),) if chat)

"""Invents people. Their surnames show that they are invented."""

from demo.chats import Network, Person
from demo.media import Picture

WHATSAPP = Network("WhatsApp", "local-whatsapp_ba_demo1")
INSTAGRAM = Network("Instagram", "local-instagram_ba_demo2")
SIGNAL = Network("Signal", "local-signal_ba_demo3")
TELEGRAM = Network("Telegram", "local-telegram_ba_demo4")
IMESSAGE = Network("iMessage", "imessage", is_listed=False)
DISCORD = Network("Discord", "discordgo", lists_owner=False)
BEEPER = Network("Beeper (Matrix)", "matrix")
"""The account of unions. No chat of the account itself is on it."""
NETWORKS = (WHATSAPP, INSTAGRAM, SIGNAL, TELEGRAM, IMESSAGE, DISCORD)

# Most of the surnames mean "made up", "pretend" or "nobody" in their languages.
GIVEN_NAMES = (
    *("Zarabelle", "Quillon", "Ayodele", "Mei", "Łucja", "Ünal", "Priya", "Bjørn", "Itzel", "Kwame"),
    *("Noor", "Óscar", "Leilani", "Tadhg", "Yuki", "Amara", "Søren", "Chidi", "Freyja", "Ravi"),
    *("Zoë", "Idris", "Marisol", "Vuk", "Anaïs", "Tariq", "Ngozi", "Eero", "Dilnoza", "Juniper"),
    *("美咲", "Олена", "ليلى", "민준", "Pixel 🦊", "Jean-Luc", "María José"),
)
SURNAMES = (
    *("Inventado", "Fauxström", "Zmyślona", "Notareal", "Uydurma", "Madeupsson", "Kakū", "Fictief"),
    *("O'Pretend", "Placeholder", "Nemo", "Kalpanik", "Erfunden", "Niemand", "Smyšlený", "Vymyslova"),
    *("Imaginário", "Kuvitteellinen", "McDemo", "Samplewala", "Okefake", "Exempel", "Specimen"),
    *("van der Verzinsel-Langenaam", "Lorem", "Ipsum", "Testarossi", "Nobody", "Dummyani"),
)

SELF_NAME = "Alex Example"
META_AI = Person("@instagram_meta_ai:beeper.local", "Meta AI", "meta.ai", is_network_bot=True)


def full_name(number: int) -> str:
    """Returns the name for a number. The same number always has the same name."""
    # 37 given names and 29 surnames have no common factor, so a name repeats only after 1,073 numbers.
    return f"{GIVEN_NAMES[number % len(GIVEN_NAMES)]} {SURNAMES[number % len(SURNAMES)]}"


def phone_number(number: int) -> str:
    """Returns the phone number for a number."""
    # 555-0100 to 555-0199 are reserved for fiction in every North American area code.
    return f"+1{201 + number // 100 % 700}55501{number % 100:02}"


def invent_person(number: int, network: Network, picture: Picture | None) -> Person:
    """Returns a person with the data that the network has: a phone number, a user name, or neither."""
    phone = phone_number(number)
    if network is IMESSAGE:
        # Only every second number is in the address book. The others have neither a name nor a user name.
        name = full_name(number) if number % 2 else None
        return Person(f"imsg##participant:{phone}", name, phone_number=phone, picture=picture)
    bridge = network.name.lower()
    if network in (WHATSAPP, SIGNAL):
        person_id = f"@{bridge}_{phone.removeprefix('+')}:beeper.local"
        return Person(person_id, full_name(number), phone_number=phone, picture=picture)
    username = f"made.up.{SURNAMES[number % len(SURNAMES)].split()[-1].lower()}.{number}"
    person_id = f"@{bridge}_{900_000_000 + number}:beeper.local"
    email = f"{username}.{number}@example.com" if network is DISCORD else None
    return Person(person_id, full_name(number), username, picture=picture, email=email)


def invent_self(network: Network, picture: Picture | None) -> Person:
    """Returns the owner of the account, as a participant of their chats on a network."""
    return Person(f"@alex_{network.account_id}:beeper.com", SELF_NAME, "alex", picture=picture, is_self=True)

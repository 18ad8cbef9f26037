"""Chooses the former picture that is shown for a person. Only sync changes what chats show."""

from dataclasses import dataclass

from imagecache.clock import Clock
from imagecache.errors import InvalidRequestError, NotFoundError, RejectedSourceError
from imagecache.rules.failure_reasons import REJECTIONS
from imagecache.rules.source_urls import image_key
from imagecache.stores.chats.people import PeopleTable
from imagecache.stores.state.contact_changes import ContactChanges
from imagecache.usecases.reading.former_pictures import FormerPictureListing


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerPictureChoice:
    """Records choices. The next sync run shows the chosen picture in all chats of the person."""

    listing: FormerPictureListing
    people_table: PeopleTable
    contact_changes: ContactChanges
    clock: Clock

    def choose(self, chat_id: str, participant_id: str, *, source_url: str) -> None:
        """Chooses the former picture with this source URL for the person who is this member.

        Raises InvalidRequestError if the URL is rejected, and NotFoundError if there is no such member or it
        is not one of their former pictures.
        """
        try:
            key = image_key(source_url)
        except RejectedSourceError as error:
            raise InvalidRequestError(f"This URL is never fetched: {REJECTIONS[error.reason]}") from error
        member = self.listing.of_member(chat_id, participant_id)
        if key not in {former.picture.image_key for former in member.pictures}:
            raise NotFoundError("This member has no former picture with this sourceUrl")
        # A relinking begins with the former pictures of all members, so a choice counts as a change.
        with self.contact_changes.counted():
            self.people_table.choose(
                ((person_id, key) for person_id in member.participant.person_ids), now=self.clock()
            )

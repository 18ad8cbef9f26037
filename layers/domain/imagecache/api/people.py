"""The routes below `/api/people`: former pictures of members."""

from dataclasses import dataclass
from http import HTTPStatus

from imagecache.api import person_shapes as shapes
from imagecache.api.fields import Text
from imagecache.api.http import Route, Routes
from imagecache.api.source_url import SOURCE_URL
from imagecache.api.values import image_json, iso8601
from imagecache.model.access import Role
from imagecache.model.chat import MOST_ID_BYTES
from imagecache.model.job import SyncOrder
from imagecache.rules.image_choice import ShownFor, ShownImage
from imagecache.usecases.operating.choose_picture import FormerPictureChoice
from imagecache.usecases.operating.jobs import JobStarter
from imagecache.usecases.reading.former_pictures import FormerPicture, FormerPictureListing

MEMBER = (
    Text("chatId", MOST_ID_BYTES, required=True),
    Text("participantId", MOST_ID_BYTES, required=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleRoutes:
    """Shows the former pictures of people."""

    listing: FormerPictureListing
    base_url: str

    def routes(self) -> Routes:
        """Returns the routes by API Gateway's route key."""
        return {
            "GET /api/people/pictures": Route(
                summary="List the former pictures of a member, which Beeper no longer sends",
                query=MEMBER,
                gives=shapes.FormerPictures,
                errors=[HTTPStatus.NOT_FOUND],
                answer=self.pictures,
            )
        }

    def pictures(self, *, chat_id: str, participant_id: str) -> shapes.FormerPictures:
        """Answers `GET /api/people/pictures`. Raises NotFoundError."""
        member = self.listing.of_member(chat_id, participant_id)
        participant = member.participant
        return {
            "participantId": participant.participant_id,
            "fullName": participant.full_name,
            "pictures": [
                self._picture_json(former, participant.full_name, participant.former_image_key)
                for former in member.pictures
            ],
        }

    def _picture_json(
        self, former: FormerPicture, name: str | None, shown_key: str | None
    ) -> shapes.FormerPicture:
        picture = former.picture
        return {
            "sourceUrl": picture.source_url,
            "image": image_json(ShownImage(ShownFor.FORMER, former.view), name, self.base_url),
            "firstSeen": iso8601(picture.first_seen),
            "lastNamed": iso8601(picture.named_until),
            "isShown": picture.image_key == shown_key,
            "isChosen": bool(picture.chosen_at),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleChangeRoutes:
    """Chooses former pictures."""

    choice: FormerPictureChoice
    job_starter: JobStarter

    def routes(self) -> Routes:
        """Returns the routes by API Gateway's route key."""
        return {
            "POST /api/people/pictures/choose": Route(
                summary="Choose the former picture of a person; a sync then shows it in all their chats",
                role=Role.ADMIN,
                body=(*MEMBER, SOURCE_URL),
                gives=shapes.PictureChosen,
                errors=[HTTPStatus.NOT_FOUND],
                answer=self.choose,
            )
        }

    def choose(self, *, chat_id: str, participant_id: str, source_url: str) -> shapes.PictureChosen:
        """Answers `POST /api/people/pictures/choose`. Raises InvalidRequestError and NotFoundError."""
        self.choice.choose(chat_id, participant_id, source_url=source_url)
        return {"jobId": self.job_starter.start(SyncOrder()).job_id}

"""The routes of functions/admin, which may change something: look-ups, images, contacts and new jobs."""

from dataclasses import dataclass

from imagecache.api.contacts import ContactRoutes
from imagecache.api.http import Log, Routes
from imagecache.api.image_changes import ImageChangeRoutes
from imagecache.api.jobs import JobStartRoutes
from imagecache.api.people import PeopleChangeRoutes
from imagecache.usecases.contacts.keep_contacts import ContactBook
from imagecache.usecases.operating.change_image import ImageChanges
from imagecache.usecases.operating.choose_picture import FormerPictureChoice
from imagecache.usecases.operating.jobs import JobStarter
from imagecache.usecases.operating.look_up_images import ImageLookup


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminApi:
    """The use cases that the routes call.

    `base_url` is the first part of every picture's URL. It is empty if pictures have the API's own address.
    """

    lookup: ImageLookup
    changes: ImageChanges
    book: ContactBook
    picture_choice: FormerPictureChoice
    job_starter: JobStarter
    base_url: str
    log: Log

    def routes(self) -> Routes:
        """Returns the routes by API Gateway's route key."""
        images = ImageChangeRoutes(
            lookup=self.lookup, changes=self.changes, base_url=self.base_url, log=self.log
        )
        jobs = JobStartRoutes(starter=self.job_starter)
        contacts = ContactRoutes(book=self.book, job_starter=self.job_starter, base_url=self.base_url)
        people = PeopleChangeRoutes(choice=self.picture_choice, job_starter=self.job_starter)
        return {**images.routes(), **jobs.routes(), **contacts.routes(), **people.routes()}

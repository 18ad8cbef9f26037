"""The routes below `/api/contacts`: functions/admin serves them, beside its others."""

from functools import partial
from http import HTTPStatus

from imagecache.api import contact_shapes as shapes
from imagecache.api.contact_fields import CONTACT_BODY, CONTACT_PATH
from imagecache.api.contacts import (
    StartSync,
    contact_detail,
    contact_put,
    contact_removed,
    contacts_page,
)
from imagecache.api.fields import CURSOR
from imagecache.api.http import Route, Routes
from imagecache.model.access import Role
from imagecache.usecases.contacts.keep_contacts import ContactBook

PATH = "/api/contacts/{contactId}"


def contact_routes(*, book: ContactBook, start_sync: StartSync, base_url: str) -> Routes:
    """By API Gateway's route key."""
    return {
        "GET /api/contacts": Route(
            summary="Contacts and their clashes; a page may be empty and still have a cursor",
            role=Role.ADMIN,
            query=(CURSOR,),
            gives=shapes.Contacts,
            answer=partial(contacts_page, book=book, base_url=base_url),
        ),
        f"GET {PATH}": Route(
            summary="One contact, and the members of chats that it stands for",
            role=Role.ADMIN,
            path=CONTACT_PATH,
            gives=shapes.ContactDetail,
            errors=[HTTPStatus.NOT_FOUND],
            answer=partial(contact_detail, book=book, base_url=base_url),
        ),
        f"PUT {PATH}": Route(
            summary="Make or replace a contact; a sync links the people of all chats anew",
            role=Role.ADMIN,
            path=CONTACT_PATH,
            body=CONTACT_BODY,
            gives=shapes.ContactPut,
            errors=[HTTPStatus.CONFLICT],
            answer=partial(contact_put, book=book, start_sync=start_sync, base_url=base_url),
        ),
        f"DELETE {PATH}": Route(
            summary="Remove a contact, and its picture from wherever it stands in",
            role=Role.ADMIN,
            path=CONTACT_PATH,
            gives=shapes.ContactRemoved,
            errors=[HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT],
            answer=partial(contact_removed, book=book, start_sync=start_sync),
        ),
    }

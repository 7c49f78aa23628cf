"""The personas, for the tests of job pages."""

from tests.people import owner, page, site, stranger

__all__ = ["owner", "page", "site", "stranger"]

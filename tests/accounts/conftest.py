"""The personas, for the tests of people."""

from tests.people import owner, page, site, stranger

__all__ = ["owner", "page", "site", "stranger"]

"""The personas, for the tests of job pages; a job and scripts, for those of the annotator."""

from tests.annotations.scripts import job, runs
from tests.people import owner, page, site, stranger

__all__ = ["job", "owner", "page", "runs", "site", "stranger"]

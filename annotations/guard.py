"""Who may see a page: people who are signed in, and of jobs only their own."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponseBase

from annotations import services

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def person(request: HttpRequest) -> str:
    """Return the id of the person who asks."""
    return str(request.user.pk)


def signed_in(view: View[P]) -> View[P]:
    """Let in who is signed in; another's job does not exist for them: 404."""

    @wraps(view)
    def asked(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except services.NotFound as error:
            raise Http404 from error

    return login_required(asked)

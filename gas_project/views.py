"""Pages that belong to no app: the mailbox of the local cloud."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from gas_project import mailbox as outbox


@require_safe
def mailbox(request: HttpRequest, mail_id: str = "") -> HttpResponse:
    """Show what the local cloud sent, to everybody: it stands in for all mailboxes."""
    if not settings.GAS_LOCAL:
        raise Http404
    context: dict[str, object] = {"section": "mailbox"}
    try:
        context["mails"] = outbox.listing()
        opened = outbox.read(mail_id) if mail_id else None
    except outbox.Away:
        return render(request, "mailbox.html", context | {"away": True}, status=503)
    if mail_id and opened is None:
        raise Http404
    return render(request, "mailbox.html", context | {"opened": opened})

"""How allauth is bent to GAS: what its mails call us, and where its messages go."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter

QUIET_MESSAGES = frozenset({"account/messages/logged_in.txt", "account/messages/logged_out.txt"})
"""What the page itself already shows; saying it again is noise."""


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Says less than allauth does; the rest is allauth's own."""

    def add_message(
        self, request: Any, level: int, message_template: str | None = None, *args: Any, **more: Any
    ) -> None:
        """Pass a message on, unless the page already shows what it says."""
        if message_template not in QUIET_MESSAGES:
            super().add_message(request, level, message_template, *args, **more)

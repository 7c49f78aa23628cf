"""What a person types about a job."""

from collections.abc import Iterable
from typing import Any

from django import forms

NAME_LENGTH = 120
ASK = "Choose what your variants were called against"


def clean_name(text: str) -> str:
    """Return a name on one line, without control characters and outer spaces."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


class NameForm(forms.Form):
    """A job's new name."""

    name = forms.CharField(
        max_length=NAME_LENGTH,
        label="Name",
        widget=forms.TextInput(attrs={"class": "form-control"}),
    )

    def clean_name(self) -> str:
        """Return the name on one line. Raises ValidationError when nothing is left of it."""
        name = clean_name(self.cleaned_data["name"])
        if not name:
            raise forms.ValidationError("Please give it a name that can be seen.")
        return name


class SubmitForm(forms.Form):
    """A new job: which reference, and what to call it. The file goes straight to storage."""

    reference = forms.ChoiceField(label="Reference")
    name = forms.CharField(
        max_length=NAME_LENGTH,
        required=False,
        label="Name",
        help_text="Left empty, it is the file's name.",
    )

    def __init__(self, *args: Any, choices: Iterable[tuple[str, str]], **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["reference"].choices = [("", ASK), *choices]  # type: ignore[attr-defined]

    def clean_name(self) -> str:
        """Return the name on one line; empty when none was given."""
        return clean_name(self.cleaned_data["name"])

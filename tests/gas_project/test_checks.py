"""What the system checks refuse, and what they warn of."""

from types import SimpleNamespace

import pytest
from django.core.checks.registry import registry

from gas_project import checks


@pytest.fixture
def on_aws(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Production, well set up."""
    settings = SimpleNamespace(
        GAS_LOCAL=False,
        DEBUG=False,
        GAS_COLD_STORE="s3",
        GAS_TIME_SCALE=1,
        GAS_URL="https://gas.example.org",
        DEFAULT_FROM_EMAIL="GAS <no-reply@gas.example.org>",
        ALLOWED_HOSTS=["gas.example.org"],
        SOCIALACCOUNT_PROVIDERS={},
        DATABASES={"default": {"ENGINE": "django.db.backends.postgresql"}},
    )
    monkeypatch.setattr(checks, "settings", settings)
    monkeypatch.setenv("DJANGO_SECRET_KEY", "not-really")
    return settings


def found() -> list[str | None]:
    made = [
        *checks.check_cold_store(app_configs=None),
        *checks.check_time_scale(app_configs=None),
        *checks.check_web(app_configs=None),
    ]
    assert all(message.msg and (message.hint or message.id == "gas.E002") for message in made)
    return [message.id for message in made]


def test_a_well_set_up_production_passes(on_aws: SimpleNamespace) -> None:
    assert found() == []


def test_production_must_choose_a_cold_store_and_is_told_how(on_aws: SimpleNamespace) -> None:
    on_aws.GAS_COLD_STORE = ""
    (message,) = checks.check_cold_store(app_configs=None)
    assert message.id == "gas.E001"
    assert "new customers" in str(message.hint)


def test_there_are_two_cold_stores(on_aws: SimpleNamespace) -> None:
    on_aws.GAS_COLD_STORE = "tape"
    assert found() == ["gas.E002"]


def test_time_runs_at_its_own_speed_on_aws(on_aws: SimpleNamespace) -> None:
    on_aws.GAS_TIME_SCALE = 360
    assert found() == ["gas.E003"]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("GAS_URL", "http://127.0.0.1:8000", "gas.W002"),
        ("DEFAULT_FROM_EMAIL", "GAS <no-reply@gas.invalid>", "gas.W003"),
        ("ALLOWED_HOSTS", ["127.0.0.1", "localhost"], "gas.W004"),
        ("DATABASES", {"default": {"ENGINE": "django.db.backends.sqlite3"}}, "gas.W005"),
        ("SOCIALACCOUNT_PROVIDERS", {"globus": {}}, "gas.W006"),
    ],
)
def test_what_the_web_site_lacks_is_a_warning(
    name: str, value: object, expected: str, on_aws: SimpleNamespace
) -> None:
    setattr(on_aws, name, value)
    assert found() == [expected]


def test_a_missing_secret_key_is_a_warning(
    on_aws: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DJANGO_SECRET_KEY")
    assert found() == ["gas.W001"]


def test_the_local_cloud_needs_none_of_it(
    on_aws: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DJANGO_SECRET_KEY")
    on_aws.GAS_LOCAL, on_aws.GAS_COLD_STORE, on_aws.GAS_TIME_SCALE = True, "", 360
    assert found() == []


def test_the_checks_are_registered() -> None:
    known: list[object] = list(registry.get_checks(include_deployment_checks=True))
    assert checks.check_cold_store in known
    assert checks.check_time_scale in known
    assert checks.check_web in known

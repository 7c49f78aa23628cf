"""All settings, read from the environment once. `.env.example` explains each variable."""

import secrets
from pathlib import Path
from urllib.parse import urlsplit

import django
from csp.constants import NONE, SELF

from gas_project import env

BASE_DIR = Path(__file__).resolve().parent.parent

# --- GAS's own -------------------------------------------------------------------------------
GAS_STACK = env.text("GAS_STACK", "gas")
GAS_PORT = int(env.number("GAS_PORT", 8000))
GAS_COLD_STORE = env.text("GAS_COLD_STORE")
GAS_TIME_SCALE = env.number("GAS_TIME_SCALE", 1)
GAS_GRACE = int(env.number("GAS_GRACE", 7 * 24 * 3600))
GAS_URL = env.text("GAS_URL", f"http://127.0.0.1:{GAS_PORT}")
GAS_DATA = Path(env.text("GAS_DATA", str(BASE_DIR / ".gas")))
AWS_ENDPOINT_URL = env.text("AWS_ENDPOINT_URL")
GAS_LOCAL = urlsplit(AWS_ENDPOINT_URL).hostname == "127.0.0.1"
"""True only on the local cloud: the test payment, the demo and the LOCAL delays need it."""

# --- Django ----------------------------------------------------------------------------------
DEBUG = env.flag("DJANGO_DEBUG", False)
SECRET_KEY = env.text("DJANGO_SECRET_KEY") or secrets.token_urlsafe(48)
"""Workers need none. A web process without one forgets its sessions: a system check says so."""
ALLOWED_HOSTS = env.words("DJANGO_ALLOWED_HOSTS", "127.0.0.1,localhost")
CSRF_TRUSTED_ORIGINS = env.words("DJANGO_CSRF_TRUSTED_ORIGINS")
SECURE = env.flag("DJANGO_SECURE", not GAS_LOCAL and not DEBUG)

INSTALLED_APPS = [
    "archival.apps.ArchivalConfig",
    "annotations.apps.AnnotationsConfig",
    "accounts.apps.AccountsConfig",
    "gas_project.apps.GasConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_bootstrap5",
    "anymail",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.globus",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "gas_project.urls"
WSGI_APPLICATION = "gas_project.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "gas_project" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "gas_project.context.site",
            ]
        },
    }
]
DATABASES = {"default": env.database("DATABASE_URL", GAS_DATA / "people.sqlite3")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {
    "default": {
        # Rate limits need a cache that every web process shares; the database is one.
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "gas_cache",
    }
}
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

# --- Files -----------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = env.path("DJANGO_STATIC_ROOT", GAS_DATA / "static")
STATICFILES_DIRS = [BASE_DIR / "gas_project" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- People ----------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "jobs"
ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_LOGOUT_ON_GET = False
ALLAUTH_TRUSTED_PROXY_COUNT = int(env.text("GAS_PROXIES", "0"))
"""Proxies before the web process; without it, all people share one address's rate limits."""
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_PROVIDERS = (
    {
        "globus": {
            "APP": {
                "client_id": env.text("GLOBUS_CLIENT_ID"),
                "secret": env.text("GLOBUS_CLIENT_SECRET"),
            }
        }
    }
    if env.text("GLOBUS_CLIENT_ID")
    else {}
)

# --- Mail ------------------------------------------------------------------------------------
_MAIL_BACKEND = "anymail.backends.amazon_ses.EmailBackend"
if django.VERSION < (6, 1):
    EMAIL_BACKEND = _MAIL_BACKEND
else:  # the same setting's name from there on
    MAILERS = {"default": {"BACKEND": _MAIL_BACKEND}}
DEFAULT_FROM_EMAIL = env.text("GAS_MAIL_FROM", "GAS <no-reply@gas.invalid>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# --- Safety of the pages ---------------------------------------------------------------------
SITE_ID = None
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = SECURE
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]  # a load balancer asks by plain HTTP
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
S3_ORIGINS = [AWS_ENDPOINT_URL] if GAS_LOCAL else ["https://*.amazonaws.com"]
"""Where the browser may post an upload to and fetch a download from."""
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF, *S3_ORIGINS],
        "form-action": [SELF, *S3_ORIGINS],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}

LOGGING_CONFIG = "gas_project.logs.configure"
LOGGING: dict[str, object] = {
    "level": env.text("GAS_LOG_LEVEL", "INFO"),
    "json": env.flag("GAS_LOG_JSON", not GAS_LOCAL),
}

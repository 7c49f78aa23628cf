"""The web process's entry: gunicorn loads `application`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gas_project.settings")
application = get_wsgi_application()

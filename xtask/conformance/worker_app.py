"""The app of the worker under test: what the suite's fixtures make of ``TestApp``, in a process of its own."""

import json
import os

from celery.contrib.testing.app import TestApp

given = json.loads(os.environ["CONFORMANCE_APP"])
app = TestApp(given["name"], config=given["config"], enable_logging=True)
app.set_current()
app.set_default()

from t.integration import tasks  # noqa: E402

# The fixture ``celery_class_tasks`` of t/integration/conftest.py.
app.register_task(tasks.ClassBasedAutoRetryTask)

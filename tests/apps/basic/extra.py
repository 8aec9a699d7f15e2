"""A module that only `-I extra` loads."""

from tasks import app


@app.task
def included():
    return "included"

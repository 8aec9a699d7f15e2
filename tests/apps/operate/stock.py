"""Upstream's own command, in this process: what it prints, without the seconds that its start takes."""

from celery.bin.celery import celery
from click.testing import CliRunner


def run(*arguments):
    """`celery -A tasks ARGUMENTS`: the exit code and standard output."""
    result = CliRunner().invoke(celery, ["-A", "tasks", *arguments], prog_name="celery")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return {"code": result.exit_code, "out": result.stdout}

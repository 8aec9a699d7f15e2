"""``python -m celery_oxide``: the same as the ``worker-cli`` command."""

import sys

from celery_oxide._cli import main

if __name__ == "__main__":
    sys.exit(main())

"""Makes the package importable from the source tree when no wheel is installed."""

import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec("celery_oxide") is None:
    sys.path.insert(0, str(Path(__file__).parent.parent / "python"))

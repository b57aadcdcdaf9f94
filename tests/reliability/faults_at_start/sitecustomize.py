"""Faults from the start of a command that trains nothing; Python imports this module by its name.

``RELIABILITY_FAULTS`` is as in ``faults/faults_plugin.py``, with the point "start".
"""

import json
import os

from faults_plugin import ACTIONS

wanted = json.loads(os.environ.get("RELIABILITY_FAULTS", "{}"))
if wanted.get("point") == "start":
    ACTIONS[wanted["action"]](wanted, None)  # type: ignore[arg-type]

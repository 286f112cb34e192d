"""St Helens Cares: the fragments of a person's care, put together."""

import os

# No library may report to its makers from a machine that holds people's records.
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

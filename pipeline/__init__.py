"""The stages of the build, one folder or module each; a module is a command line: python -m pipeline.STAGE.MODULE.

The only `__init__.py` with code: what must be set before anything imports TensorFlow.
"""

import os
import sys

# Read when TensorFlow is imported. By itself it takes oneDNN's convolutions only on a CPU with instructions for neural
# networks; on one with AVX2 alone they train the baseline in 0.6 of the time, ResNet50V2 in 0.7.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# Of its reports of missing accelerators, those that it lets be turned off.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def _without_traceback(kind, error, trace):
    """Ctrl-C while a stage is still being imported is told in one line as well (pipeline.command.one_line)."""
    if issubclass(kind, KeyboardInterrupt):
        print("Interrupted.", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _without_traceback

"""The tests. The pipeline is imported before TensorFlow, since it says by which library that computes."""

import pipeline  # noqa: F401

"""Metrics, intervals and tests: numpy, scipy, scikit-learn."""

"""Figures, one module a stage: they read tables and small arrays, and never import TensorFlow."""

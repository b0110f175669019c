"""Tests for shortcuts and leakage."""

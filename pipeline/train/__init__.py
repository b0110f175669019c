"""The initial, the train-only and the final runs of both models."""

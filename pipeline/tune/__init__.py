"""The search for hyperparameters of both models."""

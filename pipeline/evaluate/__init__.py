"""The one evaluation of test for each final model, and all that is computed from it."""

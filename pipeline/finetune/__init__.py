"""The transfer model trained end to end; both models compared."""

"""The names that all stages share, in the order of every table and figure."""

SPLITS = ("train", "val", "test")
LABELS = ("normal", "covid")  # covid is the positive class, 1
MODELS = ("baseline", "transfer")

"""The names of models, metrics, hyperparameters and other words of the code, as the article writes them."""

MODELS = {"baseline": "baseline", "transfer": "transfer model"}
SPLITS = {"train": "training set", "val": "validation set", "test": "test set"}
LABELS = {"normal": "normal", "covid": "COVID-19"}
METRICS = {
    "auc": "AUC",
    "average_precision": "average precision",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "balanced_accuracy": "balanced accuracy",
    "accuracy": "accuracy",
    "f1": "F-score",
    "mcc": "Matthews correlation",
    "positive_predictive_value": "pos. predictive value",
    "negative_predictive_value": "neg. predictive value",
    "brier": "Brier score",
}
# In the order of the article's tables; others follow these.
HYPERPARAMETERS = {
    "learning_rate": "learning rate",
    "dropout": "dropout rate",
    "batch_size": "batch size",
    "filters": "filters",
    "dense_layers": "dense layers",
    "dense_units": "dense units",
    "l2": "weight penalty",
    "optimizer": "optimizer",
    "loss": "loss",
    "normalisation": "normalisation",
}
NORMALISATIONS = {
    "fixed": "fixed",
    "sample": "per-image",
    "training_global": "global",
    "training_pixel": "per-pixel",
}

KINDS = (MODELS, SPLITS, LABELS, METRICS, HYPERPARAMETERS, NORMALISATIONS)


def name(word):
    """`word` of the code as the article writes it: underscores as blanks, where no other name is known."""
    named = {word: name for kind in KINDS for word, name in kind.items()}
    return named.get(word.replace(" ", "_"), word.replace("_", " "))

"""The hyperparameters that a model starts from."""


def starting(model, start, settings):
    """The starting hyperparameters of a model: dict.

    Args:
        start: DataFrame of one row, the selected hyperparameters of another model, which replace the configuration's
            where both models have them; or None.
    """
    hyperparameters = settings[model]["hyperparameters"]
    if start is None:
        return hyperparameters
    (best,) = start.to_dict("records")
    return hyperparameters | {name: best[name] for name in hyperparameters if name in best}

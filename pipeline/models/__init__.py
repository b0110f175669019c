"""The two models and how they are fitted.

baseline.py and transfer.py offer the same functions, so that tune and train are written once:
    unaugmented(values)           what the trainable network is scored on, without augmentation
    transform(settings)           (values of a batch, stateless seed) -> what it is trained on
    build(hyperparameters, values)   the trainable network, from scratch; normalisation from `values` alone
    assemble(network, backbone_files)  the network that takes raw grey values and gives one logit
"""

"""The pre-trained networks that the transfer model can stand on, a module each; transfer.backbone names it.

Without TensorFlow, which is imported by the functions that need it: the configuration is checked against these modules
whenever Snakemake starts, and the article takes name and citation from them. Each offers:
    NAME, CITATION     in the article: its name, and the key of its paper in report/references.bib
    PUBLISHED          the file of ImageNet's weights without the top, as Keras publishes it
    RELATIVES          networks whose weights are mistaken for its own, in words
    LAYERS             the layers that a configuration may name, in the order of Keras' model.layers
    OUTPUT_LAYER       the one where it is cut if the configuration names none
    CUTS               those that the ablation compares if the configuration names none
    up_to(cut)         those of LAYERS that are left where it is cut at the layer `cut`
    unfreezable(cut)   those of LAYERS from which on there is a convolution left to train
    is_foreign(layer)  whether only a relative has a layer of this name
    build(inputs)      the network without its top, with random weights, on raw grey values (height, width, 1)
    download()         has Keras download ImageNet's weights
"""

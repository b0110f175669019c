"""From files to batches: archive, decoding, cache, normalisation, augmentation, tf.data inputs."""

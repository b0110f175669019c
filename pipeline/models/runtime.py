"""How TensorFlow computes: threads, determinism, bfloat16."""

import contextlib

import tensorflow as tf

from pipeline.command import log


def start(compute):
    """Set the number of threads and determinism; to be called before anything is computed.

    The number of intra-op threads changes float results, so it comes from the configuration and never from the cores
    that happen to be free.

    Args:
        compute: settings `threads` and `bfloat16`.
    """
    tf.config.threading.set_intra_op_parallelism_threads(compute["threads"])
    tf.config.threading.set_inter_op_parallelism_threads(compute["threads"])
    if tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()


@contextlib.contextmanager
def bfloat16(compute):
    """Within it, oneDNN computes convolutions and matrix products in bfloat16: twice the speed in training.

    Results that are reported are computed in float32: outside of it, or within it under `float32`.
    """
    enabled = compute["bfloat16"] and _cpu_has_bfloat16()
    if compute["bfloat16"] and not enabled:
        log.info("compute.bfloat16: this CPU has no bfloat16 instructions; computing in float32")
    with _onednn_bfloat16(enabled):
        yield


def float32():
    """Within it everything is computed in float32, amid `bfloat16` too: each call takes the options of its time."""
    return _onednn_bfloat16(False)


@contextlib.contextmanager
def _onednn_bfloat16(enabled):
    option = "auto_mixed_precision_onednn_bfloat16"
    before = tf.config.optimizer.get_experimental_options().get(option, False)
    tf.config.optimizer.set_experimental_options({option: enabled})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({option: before})


def _cpu_has_bfloat16():
    try:
        with open("/proc/cpuinfo") as file:
            flags = file.read()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags

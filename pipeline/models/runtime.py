"""How TensorFlow computes: threads, determinism, mixed precision."""

import contextlib
import functools
import gc
from pathlib import Path

import tensorflow as tf

from pipeline.command import log

BFLOAT16 = "auto_mixed_precision_onednn_bfloat16"
FLOAT16 = "auto_mixed_precision"
CPU = Path("/proc/cpuinfo")


def start(compute):
    """Set the number of threads and determinism, and spare the garbage collector; to be called before all else.

    The number of intra-op threads changes float results, so it comes from the configuration and never from the cores
    that happen to be free.

    Args:
        compute: settings `threads` and `mixed_precision`.
    """
    # What the imports left stays for good; looking through it again and again takes some 3 % of a training run.
    gc.freeze()
    tf.config.threading.set_intra_op_parallelism_threads(compute["threads"])
    tf.config.threading.set_inter_op_parallelism_threads(compute["threads"])
    if has_gpu():
        tf.config.experimental.enable_op_determinism()
        # What is called float32 here is: no products of 19 bits.
        tf.config.experimental.enable_tensor_float_32_execution(False)
    for gpu in tf.config.list_physical_devices("GPU"):
        # Jobs side by side share its memory, of which each would take all.
        tf.config.experimental.set_memory_growth(gpu, True)


@contextlib.contextmanager
def mixed_precision(compute):
    """Within it convolutions and matrix products take 16 bits: bfloat16 by oneDNN on a CPU, float16 on a GPU.

    In training that saves a quarter of the time. Results that are reported are computed in float32: outside of it, or
    within it under `float32`.
    """
    wanted = compute["mixed_precision"]
    with _options({FLOAT16: wanted and has_gpu(), BFLOAT16: wanted and not has_gpu() and _cpu_has_bfloat16(CPU)}):
        yield


def float32():
    """Within it everything is computed in float32, amid `mixed_precision` too: each call takes its time's options."""
    return _options({BFLOAT16: False, FLOAT16: False})


def has_gpu():
    """Whether TensorFlow sees a GPU."""
    return bool(tf.config.list_physical_devices("GPU"))


@contextlib.contextmanager
def _options(options):
    before = {name: tf.config.optimizer.get_experimental_options().get(name, False) for name in options}
    tf.config.optimizer.set_experimental_options(options)
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options(before)


@functools.cache
def _cpu_has_bfloat16(cpu):
    """Whether it has, by the file that describes it; if not, that is said once."""
    flags = cpu.read_text() if cpu.exists() else ""
    found = "avx512_bf16" in flags or "amx_bf16" in flags
    if not found:
        log.info("compute.mixed_precision: this CPU has no bfloat16 instructions; computing in float32")
    return found

"""A model in memory: one thread each, since two slow each other down under load."""

from pathlib import Path

import onnxruntime

_QUIET = 3  # onnxruntime: errors only


def session(model: Path | bytes) -> onnxruntime.InferenceSession:
    """Open a graph, from its file or its bytes, on the calling thread alone."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

"""A small pen for drawing ONNX graphs: nodes and constants, named as they are added."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

FUSED = "com.microsoft"  # onnxruntime's own operators
_OPSETS = {"": 18, FUSED: 1}
_IR_VERSION = 9


class Canvas:
    """Collects the nodes and constants of one graph, in order."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, value: NDArray[Any]) -> str:
        """Add a constant and return its name."""
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def standard(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Add an operator of the ONNX standard with one output and return the output's name."""
        return self._node("", op, inputs, 1, attributes)[0]

    def fused(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Add one of onnxruntime's fused operators with one output and return the output's name."""
        return self._node(FUSED, op, inputs, 1, attributes)[0]

    def quantised_activation(self, name: str) -> tuple[str, str, str]:
        """Quantise an activation as it flows and return the names of its values, scale and zero point."""
        values, scale, zero = self._node("", "DynamicQuantizeLinear", (name,), 3, {})
        return values, scale, zero

    def model(self, *, inputs: Sequence[str], output: str, shape: Sequence[str | int]) -> bytes:
        """Serialise the graph that maps int32 inputs [batch, length] to a float32 output of this shape."""
        int32, float32 = onnx.TensorProto.INT32, onnx.TensorProto.FLOAT
        graph = helper.make_graph(
            self._nodes,
            "sentence",
            [helper.make_tensor_value_info(name, int32, ["batch", "length"]) for name in inputs],
            [helper.make_tensor_value_info(output, float32, list(shape))],
            self._constants,
        )
        opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSETS.items()]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)
        serialised: bytes = model.SerializeToString()
        return serialised

    def _node(
        self, domain: str, op: str, inputs: tuple[str, ...], outputs: int, attributes: dict[str, Any]
    ) -> list[str]:
        names = [f"n{len(self._nodes)}.{i}" for i in range(outputs)]
        self._nodes.append(helper.make_node(op, list(inputs), names, domain=domain, **attributes))
        return names

"""The int8 forms that users publish: ONNX Runtime's own quantiser with its defaults, per channel."""

import logging

import numpy as np
from onnxruntime.quantization import (
    CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_dynamic, quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

logging.getLogger().setLevel(logging.ERROR)


class Images(CalibrationDataReader):
    def __init__(self, name, dims, count=4):
        random = np.random.default_rng(1)
        self.rows = iter([{name: random.normal(0, 1, dims).astype(np.float32)} for _ in range(count)])

    def get_next(self):
        return next(self.rows, None)


def static(source, path, dims):
    """QDQ, activations u8, weights s8 per channel."""
    prepared = path.with_suffix(".prepared.onnx")
    quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    quantize_static(
        str(prepared), str(path), Images("x", dims), quant_format=QuantFormat.QDQ, per_channel=True,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, calibrate_method=CalibrationMethod.MinMax,
    )
    prepared.unlink()


def dynamic(source, path):
    """Weights s8 per channel, activations quantised as they come."""
    quantize_dynamic(str(source), str(path), per_channel=True, weight_type=QuantType.QInt8)

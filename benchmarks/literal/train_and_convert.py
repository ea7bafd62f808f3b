"""A Dense network on handwritten digits: float training, post-training int8, quantization-aware training, int8 again.

    python benchmarks/literal/train_and_convert.py SEED DIR

Leaves in DIR ptq.tflite, qat.tflite and keras.npz: the test samples, their labels and the outputs of both networks.
"""

import math
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras as keras
from sklearn.datasets import load_digits

TEST_SAMPLES = 360
CALIBRATION_SAMPLES = 256
BATCH_SIZE = 32
FLOAT_EPOCHS, FLOAT_RATE = 60, 0.005
QAT_EPOCHS, QAT_RATE = 15, 0.001


def load():
    """(x_train, y_train), (x_test, y_test) and the calibration samples, the same for every seed."""
    images, labels = load_digits(return_X_y=True)
    x = (images / 16).astype(np.float32).reshape(-1, 8, 8)
    y = labels.astype(np.int32)
    order = np.random.default_rng([0, 0]).permutation(len(x))
    test, train = order[:TEST_SAMPLES], order[TEST_SAMPLES:]
    chosen = np.random.default_rng([0, 1]).permutation(len(train))[:CALIBRATION_SAMPLES]
    return (x[train], y[train]), (x[test], y[test]), x[train][np.sort(chosen)]


def fit(model, x, y, epochs, rate):
    schedule = keras.optimizers.schedules.CosineDecay(rate, epochs * math.ceil(len(x) / BATCH_SIZE))
    model.compile(
        optimizer=keras.optimizers.Adam(schedule),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(x, y, batch_size=BATCH_SIZE, epochs=epochs, verbose=0)


def convert(model, calibration=None):
    """int8 inputs and outputs; ranges from the calibration samples, or from the model's own fake quantization."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    if calibration is not None:
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = lambda: ([sample[np.newaxis]] for sample in calibration)
    return converter.convert()


def train_and_convert(seed, folder):
    keras.utils.set_random_seed(seed)
    (x_train, y_train), (x_test, y_test), calibration = load()

    model = keras.Sequential(
        [
            keras.layers.Input((8, 8)),
            keras.layers.Flatten(),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(10),
        ]
    )
    fit(model, x_train, y_train, FLOAT_EPOCHS, FLOAT_RATE)
    float_outputs = model.predict(x_test, verbose=0)

    quantized = tfmot.quantization.keras.quantize_model(model)
    fit(quantized, x_train, y_train, QAT_EPOCHS, QAT_RATE)
    qat_outputs = quantized.predict(x_test, verbose=0)

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ptq.tflite").write_bytes(convert(model, calibration))
    (folder / "qat.tflite").write_bytes(convert(quantized))
    np.savez(folder / "keras.npz", x_test=x_test, y_test=y_test, float=float_outputs, qat=qat_outputs)
    for name, outputs in (("float", float_outputs), ("qat", qat_outputs)):
        print(f"seed {seed}: accuracy of {name} {np.mean(outputs.argmax(1) == y_test):.4f}")


if __name__ == "__main__":
    train_and_convert(int(sys.argv[1]), Path(sys.argv[2]))

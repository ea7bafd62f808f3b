"""What the models of train_and_convert.py compute in three kernel sets of LiteRT, against Keras.

    python benchmarks/literal/evaluate.py SEED DIR

Leaves in DIR errors.csv and a histogram of the differences for each model and kernel set.
"""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from ai_edge_litert.interpreter import Interpreter, OpResolverType

KERNELS = {
    "reference": OpResolverType.BUILTIN_REF,
    "optimized": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    "xnnpack": OpResolverType.AUTO,
}


def quantize(real, scale, zero_point):
    return np.clip(np.round(real / scale) + zero_point, -128, 127).astype(np.int8)


def run(path, kernels, x):
    """int8 outputs [samples, 10] with their scale and zero point."""
    interpreter = Interpreter(str(path), experimental_op_resolver_type=KERNELS[kernels], num_threads=1)
    interpreter.allocate_tensors()
    inputs, outputs = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    found = []
    for sample in quantize(x, *inputs["quantization"]):
        interpreter.set_tensor(inputs["index"], sample[np.newaxis])
        interpreter.invoke()
        found.append(interpreter.get_tensor(outputs["index"])[0])
    return np.array(found), *outputs["quantization"]


def errors(expected, outputs, scale, zero_point):
    steps = outputs.astype(int) - quantize(expected, scale, zero_point)
    real = (outputs.astype(int) - zero_point) * scale
    noise = np.sum((real - expected) ** 2)
    figures = {
        "mismatch_rate": np.mean(steps != 0),
        "max_lsb": np.abs(steps).max(),
        "mean_lsb": np.abs(steps).mean(),
        "max_abs_error": np.abs(real - expected).max(),
        "rmse": np.sqrt(np.mean((real - expected) ** 2)),
        "sqnr_db": 10 * np.log10(np.sum(expected**2) / noise),
        "top1_agreement": np.mean(real.argmax(1) == expected.argmax(1)),
    }
    return steps, figures


def histogram(steps, title, path):
    plt.figure(figsize=(6, 4))
    reach = np.abs(steps).max()
    plt.hist(steps.ravel(), bins=np.arange(-reach - 0.5, reach + 1.5))
    plt.yscale("log")
    plt.xlabel("difference (LSB)")
    plt.ylabel("elements")
    plt.title(title)
    plt.tight_layout()
    plt.savefig(path, dpi=200)
    plt.close()


def evaluate(seed, folder):
    keras = np.load(folder / "keras.npz")
    rows = []
    for model in ("ptq", "qat"):
        expected = keras["qat" if model == "qat" else "float"]
        for kernels in KERNELS:
            outputs, scale, zero_point = run(folder / f"{model}.tflite", kernels, keras["x_test"])
            steps, figures = errors(expected, outputs, scale, zero_point)
            accuracy = np.mean(outputs.argmax(1) == keras["y_test"])
            rows.append({"seed": seed, "model": model, "kernels": kernels, "accuracy": accuracy, **figures})
            histogram(steps, f"{model}, {kernels}, seed {seed}", folder / f"{model}_{kernels}.png")
    table = pd.DataFrame(rows)
    table.to_csv(folder / "errors.csv", index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    evaluate(int(sys.argv[1]), Path(sys.argv[2]))

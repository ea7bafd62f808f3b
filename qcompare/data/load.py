"""The dataset that a configuration asks for."""

from __future__ import annotations

from qcompare.config.options import Data, DigitsData, FileData, SequenceSumData
from qcompare.data.dataset import Dataset


def load(data: Data) -> Dataset:
    """Raises DataFileError for a file that cannot be used."""
    match data:
        case DigitsData():
            from qcompare.data import digits

            make = digits.rows if data.name == "digits" else digits.pixels
            return make(
                test_samples=data.test_samples,
                calibration_samples=data.calibration_samples,
                split_seed=data.split_seed,
            )
        case SequenceSumData():
            from qcompare.data import sequence_sum

            return sequence_sum.sequences(
                samples=data.samples,
                steps=data.steps,
                features=data.features,
                test_samples=data.test_samples,
                calibration_samples=data.calibration_samples,
                split_seed=data.split_seed,
            )
        case FileData():
            from qcompare.data import file

            return file.load(data.file, calibration_samples=data.calibration_samples, split_seed=data.split_seed)

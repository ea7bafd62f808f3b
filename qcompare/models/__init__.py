"""Networks in TensorFlow, written in the operators that TFLite runs."""

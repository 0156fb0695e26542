# SPDX-License-Identifier: Apache-2.0
"""Runs one model in ONNX Runtime through its C interface, whose table of functions only grows: the same program for
every version. Prints the runtime's own profile as one line of JSON.

  python3 ort_c_api.py LIBRARY vad|cls|det MODEL.onnx [--inferences N] [--batch N ...]

"nodes" has what kernels of the inferences are, how often they ran, and their durations in microseconds, in which the
profiler itself is some."""
import argparse
import ctypes
import glob
import json
import math
import os
import statistics
import tempfile

# Of OrtApi, as onnxruntime_c_api.h orders them.
API_VERSION = 14
GET_ERROR_MESSAGE, CREATE_ENV, CREATE_SESSION, RUN, CREATE_SESSION_OPTIONS, ENABLE_PROFILING = 2, 3, 7, 9, 10, 14
SET_INTRA_OP_NUM_THREADS, CREATE_TENSOR_WITH_DATA, CREATE_CPU_MEMORY_INFO = 24, 49, 69
RELEASE_SESSION, RELEASE_VALUE = 95, 96
FLOAT, INT64 = 1, 7

# Inputs: type, dimensions; and outputs. 512 samples of sound; images for a classifier of directions, a finder of text.
MODELS = {
    "vad": ({"input": (FLOAT, [1, 512]), "state": (FLOAT, [2, 1, 128]), "sr": (INT64, [])}, ["output", "stateN"]),
    "cls": ({"x": (FLOAT, [1, 3, 48, 192])}, ["softmax_0.tmp_0"]),
    "det": ({"x": (FLOAT, [1, 3, 480, 480])}, ["sigmoid_0.tmp_0"]),
}


class OrtApiBase(ctypes.Structure):
    _fields_ = [("get_api", ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint32)), ("get_version", ctypes.CFUNCTYPE(ctypes.c_char_p))]


class Ort:
    def __init__(self, library):
        loaded = ctypes.CDLL(library)
        loaded.OrtGetApiBase.restype = ctypes.POINTER(OrtApiBase)
        base = loaded.OrtGetApiBase().contents
        self.version = base.get_version().decode()
        self._table = ctypes.cast(base.get_api(API_VERSION), ctypes.POINTER(ctypes.c_void_p))

    def release(self, slot, thing):
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self._table[slot])(thing)

    def call(self, slot, *arguments):
        function = ctypes.CFUNCTYPE(ctypes.c_void_p, *(type(argument) for argument in arguments))(self._table[slot])
        status = function(*arguments)
        if status:
            message = ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_void_p)(self._table[GET_ERROR_MESSAGE])(status)
            raise SystemExit(f"ort_c_api.py: function {slot}: {message.decode()}")

    def create(self, slot, *arguments):
        """Functions that make something leave it where their last argument points to."""
        made = ctypes.c_void_p()
        self.call(slot, *arguments, ctypes.cast(ctypes.pointer(made), ctypes.c_void_p))
        return made


def tensor(ort, memory, element, dimensions):
    """And what has to live as long as it."""
    size = math.prod(dimensions)
    values = (ctypes.c_float * size)(*(math.sin(i / 7) / 2 for i in range(size))) if element == FLOAT else (ctypes.c_int64 * size)(16000)
    shape = (ctypes.c_int64 * len(dimensions))(*dimensions)
    made = ort.create(CREATE_TENSOR_WITH_DATA, memory, ctypes.cast(values, ctypes.c_void_p), ctypes.c_size_t(ctypes.sizeof(values)),
                      ctypes.cast(shape, ctypes.c_void_p), ctypes.c_size_t(len(dimensions)), ctypes.c_int(element))
    return made, (values, shape)


def pointers(items):
    return (ctypes.c_void_p * len(items))(*(ctypes.cast(item, ctypes.c_void_p).value for item in items))


def run(ort, session, inputs, outputs, inferences, batch):
    memory = ort.create(CREATE_CPU_MEMORY_INFO, ctypes.c_int(0), ctypes.c_int(0))
    tensors = [tensor(ort, memory, element, [batch, *dimensions[1:]] if batch != 1 else dimensions)
               for element, dimensions in inputs.values()]
    texts = [ctypes.create_string_buffer(name.encode()) for name in [*inputs, *outputs]]
    input_names, output_names = pointers(texts[:len(inputs)]), pointers(texts[len(inputs):])
    values = pointers([made for made, _ in tensors])
    results = (ctypes.c_void_p * len(outputs))()
    for _ in range(inferences):
        ort.call(RUN, session, ctypes.c_void_p(), ctypes.cast(input_names, ctypes.c_void_p), ctypes.cast(values, ctypes.c_void_p),
                 ctypes.c_size_t(len(inputs)), ctypes.cast(output_names, ctypes.c_void_p), ctypes.c_size_t(len(outputs)),
                 ctypes.cast(results, ctypes.c_void_p))
        for i, result in enumerate(results):
            ort.release(RELEASE_VALUE, result)
            results[i] = None


def nodes_of_profile(file):
    durations, operators = {}, {}
    with open(file, encoding="utf-8") as profile:
        for event in json.load(profile):
            if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
                name = event["name"][:-len("_kernel_time")]
                durations.setdefault(name, []).append(event["dur"])
                operators[name] = event["args"]["op_name"]
    return {name: {"op": operators[name], "calls": len(times), "total_us": sum(times), "median_us": statistics.median(times)}
            for name, times in durations.items()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("library")
    parser.add_argument("inputs", choices=MODELS)
    parser.add_argument("model")
    parser.add_argument("--inferences", type=int, default=50, help="with each batch")
    parser.add_argument("--batch", type=int, nargs="+", default=[1])
    options = parser.parse_args()
    inputs, outputs = MODELS[options.inputs]
    ort = Ort(options.library)
    environment = ort.create(CREATE_ENV, ctypes.c_int(3), ctypes.c_char_p(b"ort_c_api"))
    settings = ort.create(CREATE_SESSION_OPTIONS)
    ort.call(SET_INTRA_OP_NUM_THREADS, settings, ctypes.c_int(1))
    with tempfile.TemporaryDirectory() as folder:
        ort.call(ENABLE_PROFILING, settings, ctypes.c_char_p(os.path.join(folder, "profile").encode()))
        session = ort.create(CREATE_SESSION, environment, ctypes.c_char_p(options.model.encode()), settings)
        for batch in options.batch:
            run(ort, session, inputs, outputs, options.inferences, batch)
        ort.release(RELEASE_SESSION, session)
        (profile,) = glob.glob(os.path.join(folder, "*"))
        nodes = nodes_of_profile(profile)
    print(json.dumps({"runtime": f"ONNX Runtime {ort.version}", "pid": os.getpid(), "inferences": options.inferences * len(options.batch),
                      "nodes": nodes}))


if __name__ == "__main__":
    main()

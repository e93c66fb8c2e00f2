// Runs ONNX models: node run.js JOBS.json, a list of {model, input, output, dims, type}; inputs and outputs are files of
// little-endian numbers. It ends with status 3 where no ONNX Runtime is installed.
const fs = require('fs');

function runtime() {
  for (const name of ['onnxruntime-node', 'onnxruntime-web']) {
    try {
      return require(name);
    } catch (e) {
      if (e.code !== 'MODULE_NOT_FOUND') console.error(`${name}: ${e.message}`);
    }
  }
  console.error('neither onnxruntime-node nor onnxruntime-web is installed');
  process.exit(3);
}

function numbers(file, type) {
  const b = fs.readFileSync(file);
  const data = b.buffer.slice(b.byteOffset, b.byteOffset + b.length);
  return type === 'int64' ? new BigInt64Array(data) : new Float32Array(data);
}

async function main() {
  const ort = runtime();
  for (const job of JSON.parse(fs.readFileSync(process.argv[2]))) {
    const session = await ort.InferenceSession.create(fs.readFileSync(job.model));
    const feeds = {};
    feeds[session.inputNames[0]] = new ort.Tensor(job.type, numbers(job.input, job.type), job.dims);
    const result = await session.run(feeds);
    const out = result[session.outputNames[0]];
    fs.writeFileSync(job.output, Buffer.from(out.data.buffer, out.data.byteOffset, out.data.byteLength));
    console.log(JSON.stringify({ inputs: session.inputNames, outputs: session.outputNames, dims: out.dims }));
  }
}

main().catch((e) => {
  console.error(e.message);
  process.exit(1);
});

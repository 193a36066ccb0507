// Entities of sentences over gRPC. Tried with Node 20:
//   python -m export.serving.protoset serving.protoset
//   npm install @grpc/grpc-js @grpc/proto-loader tsx && npx tsx client.ts "Ana Lima lives in Oslo ."
import * as grpc from "@grpc/grpc-js";
import { loadFileDescriptorSetFromBuffer } from "@grpc/proto-loader";
import { readFileSync } from "node:fs";

const protos = loadFileDescriptorSetFromBuffer(readFileSync("serving.protoset"), {
  keepCase: true,
  longs: Number,
  enums: String,
  defaults: true,
});
const { tensorflow } = grpc.loadPackageDefinition(protos) as any;
const client = new tensorflow.serving.PredictionService(
  process.env.CMAN_ADDRESS ?? "localhost:8500",
  grpc.credentials.createInsecure(),
);

const sentences = process.argv.slice(2);
const request = {
  model_spec: { name: "cman" },
  // This loader reads the maps of a descriptor set as lists of keys and values.
  inputs: [
    {
      key: "text",
      value: {
        dtype: "DT_STRING",
        tensor_shape: { dim: [{ size: sentences.length }] },
        string_val: sentences.map((sentence) => Buffer.from(sentence)),
      },
    },
  ],
  output_filter: ["entity_mask", "entity_type", "entity_char_start", "entity_char_end"],
};

client.Predict(request, { deadline: Date.now() + 30_000 }, (error: grpc.ServiceError | null, response: any) => {
  if (error) {
    console.error(`${grpc.status[error.code]}: ${error.details}`);
    process.exit(1);
  }
  const outputs = Object.fromEntries(response.outputs.map((output: any) => [output.key, output.value]));
  const { entity_mask, entity_type, entity_char_start, entity_char_end } = outputs;
  const places = entity_mask.tensor_shape.dim[1].size;
  sentences.forEach((sentence, row) => {
    const points = [...sentence]; // offsets count code points, unlike the index of a string
    for (let i = row * places; i < (row + 1) * places; i++) {
      if (entity_mask.bool_val[i]) {
        const text = points.slice(entity_char_start.int_val[i], entity_char_end.int_val[i]).join("");
        console.log(`${entity_type.string_val[i]}\t${text}`);
      }
    }
  });
});

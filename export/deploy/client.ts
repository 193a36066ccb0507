// Entities of sentences over gRPC. Tried with Node 20:
//   python -m export.serving.protoset serving.protoset
//   npm install @grpc/grpc-js @grpc/proto-loader tsx && npx tsx client.ts "Ana Lima lives in Oslo ."
import * as grpc from "@grpc/grpc-js";
import { loadFileDescriptorSetFromBuffer } from "@grpc/proto-loader";
import { readFileSync } from "node:fs";

const protos = loadFileDescriptorSetFromBuffer(readFileSync("serving.protoset"), { longs: Number, enums: String });
const { tensorflow } = grpc.loadPackageDefinition(protos) as any;
const client = new tensorflow.serving.PredictionService(
  process.env.CMAN_ADDRESS ?? "localhost:8500",
  grpc.credentials.createInsecure(),
);

const sentences = process.argv.slice(2);
const request = {
  modelSpec: { name: "cman" },
  inputs: {
    text: {
      dtype: "DT_STRING",
      tensorShape: { dim: [{ size: sentences.length }] },
      stringVal: sentences.map((sentence) => Buffer.from(sentence)),
    },
  },
  outputFilter: ["entity_mask", "entity_type", "entity_char_start", "entity_char_end"],
};

client.Predict(request, { deadline: Date.now() + 30_000 }, (error: grpc.ServiceError | null, response: any) => {
  if (error) {
    console.error(`${grpc.status[error.code]}: ${error.details}`);
    process.exit(1);
  }
  const { entity_mask, entity_type, entity_char_start, entity_char_end } = response.outputs;
  const places = entity_mask.tensorShape.dim[1].size;
  sentences.forEach((sentence, row) => {
    const points = [...sentence]; // offsets count code points, as a string's own index does not
    for (let i = row * places; i < (row + 1) * places; i++) {
      if (entity_mask.boolVal[i]) {
        const text = points.slice(entity_char_start.intVal[i], entity_char_end.intVal[i]).join("");
        console.log(`${entity_type.stringVal[i]}\t${text}`);
      }
    }
  });
});

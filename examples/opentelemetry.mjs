// A span for every request, with OpenTelemetry's own instrumentation of node:http:
//
//   npm install @opentelemetry/api @opentelemetry/sdk-trace-node @opentelemetry/instrumentation-http
//   NODE_OPTIONS='--import ./opentelemetry.mjs' chaussette --bind 127.0.0.1:8080 server.js
//
// Spans are printed here; an exporter such as @opentelemetry/exporter-trace-otlp-http sends them to a collector.
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { ConsoleSpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';

const provider = new NodeTracerProvider({
  spanProcessors: [new SimpleSpanProcessor(new ConsoleSpanExporter())],
});
provider.register();
registerInstrumentations({ instrumentations: [new HttpInstrumentation()] });

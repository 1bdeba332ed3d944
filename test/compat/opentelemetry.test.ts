// OpenTelemetry's instrumentation of node:http, the real packages: a span per request, as on node:http.
import assert from 'node:assert/strict';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { ask } from '../helpers/ask.js';
import { Command } from '../helpers/command.js';
import { eventually, Running, root, temporaryDirectory } from '../helpers/processes.js';

const preload = join(root, 'dist/preload/register.cjs');

/** What its documentation has people preload. Prints each span in one line, without what is never the same. */
const otel = `
  import { registerInstrumentations } from '@opentelemetry/instrumentation';
  import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
  import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
  const never = /port|host|url$|peer|user_agent|server\\.address|client\\.address/;
  const processor = {
    onStart() {}, forceFlush: async () => {}, shutdown: async () => {},
    onEnd({ name, kind, status, attributes, parentSpanContext }) {
      const kept = Object.entries(attributes).filter(([key]) => !never.test(key)).sort();
      console.log('span', JSON.stringify({ name, kind, status, parent: parentSpanContext?.traceId, kept }));
    },
  };
  new NodeTracerProvider({ spanProcessors: [processor] }).register();
  registerInstrumentations({ instrumentations: [new HttpInstrumentation()] });`;

/** Answers with the trace that it is in, after asynchronous work; fails where the path says so. */
const application = `
  const { trace, context } = require('@opentelemetry/api');
  const app = async (req, res) => {
    const before = trace.getActiveSpan()?.spanContext().spanId;
    await new Promise((resolve) => setTimeout(resolve, 2));
    await new Promise((resolve) => setImmediate(resolve));
    const span = trace.getActiveSpan();
    trace.getTracer('test').startSpan('work').end();
    res.statusCode = req.url === '/fails' ? 500 : 200;
    res.end(before !== undefined && before === span?.spanContext().spanId ? span.spanContext().traceId : 'lost');
  };`;

const program = `const http = require('http'); ${application}
  const server = http.createServer(app).listen(0, '127.0.0.1', () => console.log('port', server.address().port));`;

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';

/** Three requests at once, one of them with a trace that began elsewhere. @returns The spans, sorted. */
async function spansOf(port: number, output: () => string): Promise<string[]> {
  const replies = await Promise.all([
    ask({ port, path: '/fails' }),
    ask({ port, path: '/a?b=c' }),
    ask({ port, path: '/traced', headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01` } }),
  ]);
  assert.deepEqual(
    replies.map(({ status }) => status),
    [500, 200, 200],
  );
  const traces = replies.map(({ text }) => text);
  assert.equal(traces[2], traceId);
  assert.equal(new Set(traces).size, 3, traces.join());
  const spans = () => output().match(/^span .*$/gm) ?? [];
  await eventually('six spans', () => spans().length >= 6 || undefined);
  // The parent of the spans of the work is the trace of their request.
  const parents = spans().filter((span) => span.includes('"name":"work"'));
  for (const trace of traces) assert.ok(parents.some((span) => span.includes(trace)));
  return spans()
    .filter((span) => span.includes('"name":"GET"'))
    .sort();
}

function directoryWith(t: TestContext, files: Readonly<Record<string, string>>): string {
  const directory = temporaryDirectory(t);
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  return directory;
}

async function underNode(t: TestContext, flags: readonly string[]): Promise<string[]> {
  const cwd = directoryWith(t, { 'otel.mjs': otel, 'server.cjs': program });
  const running = new Running(t, process.execPath, [...flags, './server.cjs'], { cwd });
  const port = await eventually('the port', () => /^port (\d+)$/m.exec(running.stdout)?.[1]);
  return await spansOf(Number(port), () => running.stdout);
}

async function underChaussette(t: TestContext, args: readonly string[], text: string): Promise<string[]> {
  const cwd = directoryWith(t, { 'otel.mjs': otel, 'server.cjs': text });
  const env = { NODE_OPTIONS: '--import ./otel.mjs' };
  const command = new Command(t, ['--bind', '127.0.0.1:0', ...args], { cwd, env });
  const [place = ''] = await command.serving();
  const port = Number(place.split(':')[1]);
  return await spansOf(port, () => command.stdout);
}

describe('OpenTelemetry', () => {
  let expected: readonly string[] = [];

  test('under node, as it is', async (t) => {
    expected = await underNode(t, ['--import', './otel.mjs']);
    assert.equal(expected.length, 3);
    assert.match(expected.join('\n'), /"http\.status_code",500|"http\.response\.status_code",500/);
    assert.ok(expected.some((span) => span.includes(`"parent":"${traceId}"`)));
  });

  test('under node with the preload, before and behind it', async (t) => {
    assert.deepEqual(await underNode(t, ['--require', preload, '--import', './otel.mjs']), expected);
    assert.deepEqual(await underNode(t, ['--import', './otel.mjs', '--import', preload]), expected);
  });

  test('under chaussette, an exported application', async (t) => {
    const text = `${application} exports.app = app;`;
    assert.deepEqual(await underChaussette(t, ['--backend', 'native', './server.cjs:app'], text), expected);
    assert.deepEqual(await underChaussette(t, ['--backend', 'http', './server.cjs:app'], text), expected);
  });

  for (const backend of ['native', 'http']) {
    test(`examples/opentelemetry.mjs, backend ${backend}`, async (t) => {
      const env = { NODE_OPTIONS: '--import ./examples/opentelemetry.mjs' };
      const args = ['examples.express:app', '--bind', '127.0.0.1:0', '--backend', backend];
      const command = new Command(t, args, { env });
      const [place = ''] = await command.serving();
      const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-01` };
      assert.equal((await ask({ port: Number(place.split(':')[1]), path: '/', headers })).status, 200);
      await command.line(new RegExp(`traceId: '${traceId}'`));
      await command.line(/'http\.(?:response\.)?status_code': 200/);
    });
  }

  test('under chaussette, a program', async (t) => {
    assert.deepEqual(await underChaussette(t, ['./server.cjs'], program), expected);
  });
});

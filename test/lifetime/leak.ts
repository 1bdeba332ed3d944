// Looks for memory that grows with the number of requests, on the native backend: a server process takes mixed traffic
// (keep-alive, pipelined, bodies, chunked, uploads that nobody reads, aborts, resets, refusals, half-closes) in rounds,
// and its resident set after each round must not rise.
//
//   node --import tsx test/lifetime/leak.ts [requests] [backend]      default: 1000000 native
//
// Prints one line per round; the status is 1 when the slope of the second half is above the limit, or when
// descriptors, connections or exchanges are left.
import { type ChildProcess, fork } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Exchange, Handler } from '../../lib/exchange.js';
import { startBackend } from '../helpers/start-backend.js';

const rounds = 20;
/** Garbage that V8 has not collected yet, the allocator's own slack and the warm-up of the heap are below it, over
 *  200,000 requests and more; the smallest thing that could leak with each request has over a hundred bytes. */
const slopeBytesMax = 16;
const side = process.argv[2] === 'serve' ? 'server' : 'client';
const text = ['content-type', 'text/plain'];
const large = Buffer.alloc(100_000, 'l');

interface Report {
  readonly rss: number;
  readonly descriptors: number;
  readonly connections: number;
  readonly inFlight: number;
}

class Application implements Handler {
  readonly interface = 'fetch';

  handle(exchange: Exchange): void {
    const path = exchange.target;
    if (path === '/echo') {
      const chunks: Uint8Array[] = [];
      exchange.readBody({
        data: (chunk) => chunks.push(chunk) > 0,
        end: () => exchange.respond(200, '', text, Buffer.concat(chunks)),
        error: () => {},
      });
    } else if (path === '/large') {
      exchange.respond(200, '', text, large);
    } else if (path === '/stream') {
      exchange.respondHead(200, '', text);
      exchange.write('part');
      setImmediate(() => {
        exchange.write(large);
        exchange.end(['x-trailer', 'end']);
      });
    } else if (path === '/abort') {
      exchange.abort();
    } else if (path === '/never') {
      exchange.onAbort(() => {});
    } else if (path === '/throw') {
      exchange.fail(new Error('as planned'));
    } else {
      exchange.respond(200, '', text, 'hello');
    }
  }
}

async function serve(): Promise<void> {
  const server = await startBackend(process.argv[3] ?? 'native', new Application());
  const report = (): void => {
    (globalThis as { gc?: () => void }).gc?.();
    const { connections, inFlight } = server.stats();
    const status = readFileSync('/proc/self/status', 'latin1');
    const rss = Number(/VmRSS:\s*(\d+)/.exec(status)?.[1] ?? 0) * 1024;
    const descriptors = readdirSync('/proc/self/fd').length;
    process.send?.({ rss, descriptors, connections, inFlight } satisfies Report);
  };
  process.on('message', report);
  process.on('disconnect', () => process.exit(0));
  // What the application got wrong on purpose is not kept.
  setInterval(() => (server.errors as unknown[]).splice(0), 100).unref();
  process.send?.(server.port);
}

const host = 'Host: a\r\n';
const get = (path: string): string => `GET ${path} HTTP/1.1\r\n${host}\r\n`;
const post = (path: string, body: string): string =>
  `POST ${path} HTTP/1.1\r\n${host}Content-Length: ${body.length}\r\n\r\n${body}`;
const chunked = (path: string): string =>
  `POST ${path} HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nx-t: v\r\n\r\n`;

/** What one connection does: bytes, how many requests they are, and how it ends. */
const kinds: readonly {
  readonly bytes: string;
  readonly requests: number;
  readonly end: 'fin' | 'reset' | 'server';
}[] = [
  { bytes: get('/').repeat(64), requests: 64, end: 'fin' },
  { bytes: (get('/') + post('/echo', 'body') + chunked('/echo')).repeat(12), requests: 36, end: 'fin' },
  { bytes: get('/large').repeat(8), requests: 8, end: 'fin' },
  { bytes: get('/large').repeat(8), requests: 8, end: 'reset' },
  { bytes: get('/stream').repeat(8), requests: 8, end: 'fin' },
  { bytes: get('/stream').repeat(8), requests: 8, end: 'reset' },
  { bytes: get('/never') + get('/').repeat(20), requests: 21, end: 'reset' },
  { bytes: post('/', 'x'.repeat(50_000)).repeat(2), requests: 2, end: 'fin' },
  {
    bytes: `POST /echo HTTP/1.1\r\n${host}Content-Length: 100000\r\n\r\n${'x'.repeat(1000)}`,
    requests: 1,
    end: 'reset',
  },
  { bytes: get('/').repeat(10) + get('/abort'), requests: 11, end: 'server' },
  { bytes: get('/').repeat(10) + get('/throw'), requests: 11, end: 'fin' },
  { bytes: `${get('/').repeat(10)}GET / HTTP/1.1\r\nX: y\r\n\r\n`, requests: 11, end: 'server' },
  { bytes: `GET /${'t'.repeat(20_000)} HTTP/1.1\r\n`, requests: 1, end: 'server' },
  { bytes: `${get('/')}GET / HTTP/1.1\r\nHalf`, requests: 1, end: 'reset' },
  { bytes: `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, requests: 1, end: 'server' },
];

/** Run one connection to its end. */
function run(port: number, number: number): Promise<number> {
  const kind = kinds[number % kinds.length];
  if (kind === undefined) return Promise.resolve(0);
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const bytes = Buffer.from(kind.bytes, 'latin1');
    socket.on('error', () => {});
    socket.on('close', () => resolve(kind.requests));
    socket.on('end', () => socket.destroy());
    socket.on('data', () => {
      if (kind.end === 'reset') socket.resetAndDestroy();
    });
    socket.on('connect', () => {
      // Now and then in two pieces, so that heads and bodies are spilled.
      const cut = number % 3 === 0 ? Math.floor(bytes.length / 2) : bytes.length;
      socket.write(bytes.subarray(0, cut));
      setImmediate(() => {
        if (cut < bytes.length) socket.write(bytes.subarray(cut));
        if (kind.end === 'fin') socket.end();
        if (kind.end === 'reset') setTimeout(() => socket.resetAndDestroy(), 20);
      });
    });
  });
}

function ask(child: ChildProcess): Promise<Report> {
  return new Promise((resolve) => {
    child.once('message', (report) => resolve(report as Report));
    child.send('report');
  });
}

async function settled(child: ChildProcess): Promise<Report> {
  for (let tries = 0; ; tries += 1) {
    const report = await ask(child);
    if ((report.connections === 0 && report.inFlight === 0) || tries === 100) return report;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Bytes per request, by least squares. */
function slope(points: readonly (readonly [requests: number, rss: number])[]): number {
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / points.length;
  const over = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  return over / points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
}

async function measure(total: number, backend: string): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url), ['serve', backend], {
    execArgv: [...process.execArgv, '--expose-gc', '--max-semi-space-size=2'],
  });
  const port = await new Promise<number>((resolve) =>
    child.once('message', (message) => resolve(Number(message))),
  );
  const points: [number, number][] = [];
  const first = await settled(child);
  let last = first;
  let requests = 0;
  let number = 0;
  for (let round = 1; round <= rounds; round += 1) {
    const until = (total * round) / rounds;
    const client = async (): Promise<void> => {
      while (requests < until) requests += await run(port, number++);
    };
    await Promise.all(Array.from({ length: 16 }, client));
    last = await settled(child);
    points.push([requests, last.rss]);
    console.log(
      `${requests} requests: ${(last.rss / 1024 / 1024).toFixed(1)} MiB, ${last.descriptors} descriptors`,
    );
  }
  child.disconnect();
  // The first half warms up: heap, pools, compiled code.
  const bytes = slope(points.slice(rounds / 2));
  console.log(`${bytes.toFixed(2)} bytes per request in the second half`);
  const problems: string[] = [];
  if (bytes > slopeBytesMax) problems.push(`memory grows by more than ${slopeBytesMax} bytes per request`);
  if (last.descriptors > first.descriptors) problems.push('descriptors are left open');
  if (last.connections !== 0 || last.inFlight !== 0) {
    problems.push(`${last.connections} connections and ${last.inFlight} requests are left`);
  }
  for (const problem of problems) console.error(`leak: ${problem}`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

if (side === 'server') await serve();
else await measure(Number(process.argv[2] ?? 1_000_000), process.argv[3] ?? 'native');

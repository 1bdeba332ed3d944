// A server in a process or worker thread of its own, for tests in which it has to end, or to run out of something.
//
//   node --import tsx test/helpers/lifetime-server.ts '{"backend": "native"}'
//
// It says `port N` when it serves, and every warning as `warn …`.
import { readdirSync } from 'node:fs';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { defaultLimits } from '../../lib/backends/backend.js';
import { resolveBackend } from '../../lib/backends/registry.js';
import type { Exchange, Handler } from '../../lib/exchange.js';
import { descriptors } from '../../lib/native/binding.js';

export interface LifetimeServer {
  readonly backend: string;
  /** An inherited listening socket; without one it binds its own. */
  readonly fd?: number;
}

const text = ['content-type', 'text/plain'];
const filler = Buffer.alloc(256 * 1024, 'x');

const pages: Readonly<Record<string, (exchange: Exchange) => void>> = {
  '/hello': (exchange) => exchange.respond(200, '', text, 'hello'),
  '/never': () => {},
  '/later': (exchange) => void setTimeout(() => exchange.respond(200, '', text, 'later'), 5),
  '/stream': stream,
  '/echo': echo,
  '/exit': (exchange) => {
    exchange.respondHead(200, '', text);
    exchange.write('half');
    process.exit(7);
  },
  '/exit-later': (exchange) => {
    exchange.respondHead(200, '', text);
    exchange.write('half');
    setImmediate(() => process.exit(7));
  },
  '/fds': (exchange) => exchange.respond(200, '', text, String(readdirSync('/proc/self/fd').length)),
  '/rss': (exchange) => {
    global.gc?.();
    exchange.respond(200, '', text, String(process.memoryUsage.rss()));
  },
};

/** Pieces without end, as fast as the client takes them. */
function stream(exchange: Exchange): void {
  exchange.respondHead(200, '', text);
  const go = (): void => {
    for (let n = 0; n < 4 && !exchange.ended; n += 1) if (!exchange.write(filler)) return;
    if (!exchange.ended) setImmediate(go);
  };
  exchange.onDrain(go);
  go();
}

function echo(exchange: Exchange): void {
  exchange.respondHead(200, '', text);
  exchange.onDrain(() => exchange.resumeBody());
  exchange.readBody({
    data: (chunk) => exchange.write(chunk),
    end: () => exchange.end(),
    error: () => {},
  });
}

async function start({ backend: name, fd }: LifetimeServer): Promise<number> {
  const { backend } = await resolveBackend(name);
  const { adopt, inspect, listenTcp } = descriptors();
  const listening = fd === undefined ? listenTcp('127.0.0.1', 0, 4096, false) : adopt(fd, 4096);
  const info = inspect(listening);
  if (listening < 0 || typeof info === 'number') throw new Error(`no socket: ${listening}`);
  const handler: Handler = {
    interface: 'fetch',
    handle: (exchange) => {
      const page = pages[exchange.target];
      if (page === undefined) exchange.respond(404, '', [], null);
      else page(exchange);
    },
  };
  const say = (message: string): void => void process.stderr.write(`warn ${message}\n`);
  await backend.start([{ fd: listening, family: 'inet', display: 'test' }], handler, defaultLimits, {
    applicationError: (error) => say(String(error)),
    warn: say,
  });
  return info.port ?? 0;
}

if (isMainThread) {
  const port = await start(JSON.parse(process.argv[2] ?? '{}'));
  process.stdout.write(`port ${port}\n`);
} else {
  parentPort?.postMessage(await start(workerData));
}

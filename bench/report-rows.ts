import { type Peer, packageVersion, peers } from './peers.js';
import { load, type Row } from './rows.js';
import { node, ours, overTls, plain, type ServerSpec } from './specs.js';

// The rows of `npm run bench -- --report`: native beside everybody else, one picture or table each.

/** A row of the report. `servers` has those that are here. */
export interface ReportRow extends Row {
  /** Servers that are not here, and why. */
  readonly missing: readonly { readonly name: string; readonly reason: string }[];
}

/** Requests per second of the row `latency`: a third to a half of what the slowest of its servers can do. */
const perSecond = 10_000;

function named(name: string, spec: ServerSpec, version?: string): ServerSpec {
  return version === undefined ? { ...spec, name } : { ...spec, name, version };
}

const fetch = named('Chaussette, fetch', ours('native', 'fetch'));
const listener = named('Chaussette, (req, res)', ours('native', 'node'));
const nodeHttp = plain('node:http', 'node');

function row(
  part: Partial<Row> & Pick<Row, 'name' | 'title'>,
  servers: readonly (ServerSpec | Peer)[],
): ReportRow {
  const here: ServerSpec[] = [];
  const missing: { name: string; reason: string }[] = [];
  for (const server of servers) {
    if ('command' in server) here.push(server);
    else if (server.spec !== undefined) here.push(server.spec);
    else missing.push({ name: server.name, reason: server.reason ?? 'not here' });
  }
  return { ...load({ budgets: [], servers: [] as ServerSpec[], ...part }), ...part, servers: here, missing };
}

function everybody(): (ServerSpec | Peer)[] {
  return [
    fetch,
    listener,
    nodeHttp,
    named('Fastify', plain('Fastify', 'fastify'), packageVersion('fastify')),
    named('Hono on node-server', plain('Hono', 'hono'), packageVersion('@hono/node-server')),
    ...peers(['Bun', 'Deno', 'nginx'], 'hello'),
  ];
}

function frameworks(): ReportRow[] {
  return (['express', 'koa', 'fastify', 'hono'] as const).map((name) => {
    const title = `${name[0]?.toUpperCase()}${name.slice(1)} ${packageVersion(name)}, one route`;
    const than = name === 'hono' ? 'its own node server' : 'node:http';
    return row({ name: `framework-${name}`, title }, [
      named('Chaussette', ours('native', name)),
      named(than, plain(than, name)),
    ]);
  });
}

function bodies(): ReportRow[] {
  const kibibyte = 'x'.repeat(1024);
  const file = Buffer.alloc(1024 * 1024, 'chaussette ').toString();
  const jobs = [
    ['body-1k', 'POST of 1 KiB, echoed', '/echo', 1024, kibibyte],
    ['body-64k', 'POST of 64 KiB, echoed', '/echo', 65_536, kibibyte.repeat(64)],
    ['body-upload', 'upload of 1 MiB, counted', '/count', 1_048_576, '1048576'],
    ['body-download', 'download of 1 MiB', '/file', 0, file],
  ] as const;
  return jobs.map(([name, title, path, size, answer]) => {
    const post = { method: 'POST' as const, body: 'x'.repeat(size), answer };
    const part = { name, title, path, check: size > 0 ? post : { method: 'GET' as const, answer } };
    return row(size > 0 ? { ...part, script: ['post.lua', String(size)] } : part, [
      named('Chaussette', ours('native', 'node')),
      nodeHttp,
      ...peers(size > 0 ? ['Bun', 'Deno'] : ['Bun', 'Deno', 'nginx'], 'jobs'),
    ]);
  });
}

function threads(count: number): ServerSpec {
  const one = ours('native', 'fetch');
  return {
    name: count === 1 ? '1 thread' : `${count} threads`,
    cores: '0,1',
    command: (port) => [...one.command(port), '--threads', String(count)],
  };
}

function withLog(): ServerSpec {
  const without = ours('native', 'fetch');
  return {
    name: 'with an access log',
    command: (port) => [...without.command(port), '--access-log', '/dev/null'],
  };
}

/** Every row, in the order of the page. */
export function reportRows(): ReportRow[] {
  const secure = [fetch, nodeHttp].map((spec) => overTls(spec));
  const collecting = (spec: ServerSpec): ServerSpec => ({
    ...spec,
    command: (port) => spec.command(port).flatMap((part) => (part === node ? [part, '--expose-gc'] : [part])),
  });
  return [
    row({ name: 'hello', title: '“Hello, World!”' }, everybody()),
    row({ name: 'latency', title: 'latency at a fixed rate', method: 'rate', perSecond }, everybody()),
    row({ name: 'pipelined', title: 'sixteen requests at once', script: ['pipeline.lua'] }, [
      fetch,
      listener,
      nodeHttp,
      ...peers(['Bun', 'Deno', 'nginx'], 'hello'),
    ]),
    ...frameworks(),
    ...bodies(),
    row({ name: 'tls', title: '“Hello, World!” over TLS 1.3', secure: true }, [
      ...secure,
      ...peers(['Bun', 'Deno', 'nginx'], 'hello', true),
    ]),
    row({ name: 'memory', title: 'an idle keep-alive connection', method: 'memory' }, [
      collecting(listener),
      collecting(nodeHttp),
      ...peers(['Bun', 'Deno', 'nginx'], 'jobs'),
    ]),
    row({ name: 'threads', title: 'one thread and two' }, [threads(1), threads(2)]),
    row({ name: 'access-log', title: 'the access log' }, [
      named('without', ours('native', 'fetch')),
      withLog(),
    ]),
  ];
}

import { found } from './peers.js';
import { node, ours, overTls, plain, type ServerSpec } from './specs.js';

/** What a budget compares: CPU time (user + system) per request, a latency, milliseconds to the first answer, or bytes
 *  per connection. */
export type Measure = 'cpu' | 'user' | 'p50' | 'p99' | 'start' | 'memory';

/** What a row promises: its ratio to another server of the same run. */
export interface Budget {
  readonly measure: Measure;
  /** At most this: a ratio to `than`, or, without it, an amount in the measure's own unit. */
  readonly limit: number;
  /** The name of another server of the row. */
  readonly than?: string;
}

/** How a row is measured: under wrk, at a fixed rate, by starting over and over, or by holding idle connections. */
export type Method = 'load' | 'rate' | 'start' | 'memory';

export interface Row {
  readonly name: string;
  readonly title: string;
  readonly method: Method;
  readonly path: string;
  readonly check: { readonly method: 'GET' | 'POST'; readonly body?: string; readonly answer: string };
  /** A file of bench/wrk and its arguments. */
  readonly script?: readonly string[];
  /** Requests per second of the method `rate`. */
  readonly perSecond?: number;
  /** Over TLS, with bench/certificate.ts. */
  readonly secure?: boolean;
  readonly budgets: readonly Budget[];
  /** The first is ours, on the native backend. */
  readonly servers: readonly ServerSpec[];
}

const major = Number(process.versions.node.split('.')[0]);
const hello = { method: 'GET', answer: 'Hello, World!' } as const;
const kibibyte = 'x'.repeat(1024);

type Partial = Omit<Row, 'method' | 'path' | 'check'> & {
  readonly path?: string;
  readonly check?: Row['check'];
};

export function load(row: Partial): Row {
  return { method: 'load', path: '/', check: hello, ...row };
}

function cpu(limit: number, than = 'node:http'): Budget {
  return { measure: 'cpu', limit, than };
}

function job(name: string, title: string, path: string, size: number, answer: string, limit: number): Row {
  const script = size > 0 ? { script: ['post.lua', String(size)] } : {};
  const body = 'x'.repeat(size);
  return load({
    name,
    title,
    path,
    check: size > 0 ? { method: 'POST', body, answer } : { method: 'GET', answer },
    ...script,
    budgets: [cpu(limit)],
    servers: [ours('native', 'node'), ours('http', 'node'), plain('node:http', 'node')],
  });
}

function hellos(): Row[] {
  const rows = [
    { kind: 'fetch', limit: 0.45, user: true },
    { kind: 'wsgi', limit: 0.45, user: true },
    { kind: 'node', limit: 0.47, user: false },
  ] as const;
  return rows.map(({ kind, limit, user }) =>
    load({
      name: `hello-${kind}`,
      title: `hello, ${kind}`,
      budgets: user ? [cpu(limit), { measure: 'user', limit: 1 }] : [cpu(limit)],
      servers: [
        ours('native', kind),
        ours('http', kind),
        plain('node:http', 'node'),
        ...(kind === 'fetch' ? found() : []),
      ],
    }),
  );
}

function pipelined(): Row[] {
  return (['fetch', 'wsgi', 'node'] as const).map((kind) =>
    load({
      name: `pipelined-${kind}`,
      title: `hello, ${kind}, pipelined x16`,
      script: ['pipeline.lua'],
      budgets: [cpu(0.1)],
      servers: [ours('native', kind), ours('http', kind), plain('node:http', 'node')],
    }),
  );
}

function frameworks(): Row[] {
  const rows = [
    {
      name: 'express',
      title: 'Express 5, one route',
      than: 'express on node:http',
      limit: major >= 24 ? 0.4 : 0.15,
    },
    {
      name: 'middleware',
      title: 'Express 5 with helmet, cors, compression, session, body-parser, static',
      than: 'express on node:http',
      limit: 0.5,
    },
    { name: 'koa', title: 'Koa, one route', than: 'koa on node:http', limit: 0.6 },
    { name: 'fastify', title: 'Fastify, one route', than: 'fastify on node:http', limit: 0.6 },
    { name: 'hono', title: 'Hono, one route', than: '@hono/node-server', limit: 0.45 },
  ];
  return rows.map(({ name, title, than, limit }) =>
    load({
      name,
      title,
      budgets: [cpu(limit, than)],
      servers: [ours('native', name), ours('http', name), plain(than, name)],
    }),
  );
}

/** Every row, in the order in which they are printed. */
export function rows(): Row[] {
  const file = Buffer.alloc(1024 * 1024, 'chaussette ').toString();
  const both = [ours('native', 'node'), ours('http', 'node'), plain('node:http', 'node')];
  const collect = ['--expose-gc'];
  return [
    ...hellos(),
    ...pipelined(),
    ...frameworks(),
    load({
      name: 'tls',
      title: 'hello over TLS, fetch',
      secure: true,
      budgets: [cpu(0.45, 'node:https')],
      servers: [ours('native', 'fetch'), ours('http', 'fetch'), plain('node:http', 'node')].map(overTls),
    }),
    job('post-1k', 'POST 1 KiB, echoed', '/echo', 1024, kibibyte, 0.6),
    job('post-64k', 'POST 64 KiB, echoed', '/echo', 65_536, kibibyte.repeat(64), 0.7),
    job('upload-1m', 'upload of 1 MiB, counted', '/count', 1_048_576, '1048576', 0.3),
    job('download-1m', 'download of 1 MiB', '/file', 0, file, 0.6),
    {
      ...load({ name: 'latency', title: 'handler that computes for 1 ms', budgets: [], servers: both }),
      path: '/busy',
      check: { method: 'GET', answer: 'done' },
      budgets: [
        { measure: 'p50', limit: 1.05, than: 'node:http' },
        { measure: 'p99', limit: 1.05, than: 'node:http' },
      ],
    },
    {
      ...load({ name: 'start', title: 'from exec to the first answer', budgets: [], servers: [] }),
      method: 'start',
      budgets: [{ measure: 'start', limit: 1.3, than: 'node:http' }],
      servers: [
        ours('native', 'node'),
        ours('http', 'node'),
        { name: 'node:http', command: (port) => [node, 'bench/apps/bare.js', String(port)] },
      ],
    },
    {
      ...load({
        name: 'memory',
        title: 'memory of one idle keep-alive connection',
        budgets: [],
        servers: [],
      }),
      method: 'memory',
      budgets: [{ measure: 'memory', limit: 400 }],
      servers: [
        ours('native', 'node', collect),
        ours('http', 'node', collect),
        plain('node:http', 'node', collect),
      ],
    },
    {
      ...load({
        name: 'memory-tls',
        title: 'memory of one idle keep-alive connection over TLS',
        secure: true,
        budgets: [],
        servers: [],
      }),
      method: 'memory',
      budgets: [{ measure: 'memory', limit: 0.5, than: 'node:https' }],
      servers: [
        ours('native', 'node', collect),
        ours('http', 'node', collect),
        plain('node:http', 'node', collect),
      ].map(overTls),
    },
  ];
}

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import type { Limits } from '../../lib/backends/backend.js';
import { type Application, handlerFor } from '../../lib/interfaces/index.js';
import { ask } from '../helpers/ask.js';
import { testAuthority, testTls } from '../helpers/certificates.js';
import { temporaryDirectory } from '../helpers/processes.js';
import { type StartedBackend, startBackend } from '../helpers/start-backend.js';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly trailers: IncomingHttpHeaders;
}

async function serveApp(
  t: TestContext,
  application: Application,
  limits: Partial<Limits> = {},
  tls = false,
): Promise<StartedBackend> {
  const server = await startBackend('http2', handlerFor(application), limits, tls ? testTls() : undefined);
  t.after(() => server.close());
  return server;
}

async function session(t: TestContext, port: number, tls = false): Promise<ClientHttp2Session> {
  const client = tls
    ? connect(`https://localhost:${port}`, { ca: testAuthority().cert })
    : connect(`http://127.0.0.1:${port}`);
  client.on('error', () => {});
  t.after(() => client.destroy());
  await once(client, 'connect');
  return client;
}

async function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  let trailers: IncomingHttpHeaders = {};
  stream.on('trailers', (fields) => {
    trailers = fields;
  });
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += chunk;
  return { status: Number(headers[':status']), headers, text, trailers };
}

function get(client: ClientHttp2Session, path: string, fields: OutgoingHttpHeaders = {}): Promise<Answer> {
  return answerOf(client.request({ ':path': path, ...fields }));
}

const echo: Application = {
  interface: 'fetch',
  call: async (request: Request) => {
    const { pathname, origin } = new URL(request.url);
    const body = await request.text();
    return new Response(`${request.method} ${origin}${pathname} ${body}`, { headers: { 'X-Made-By': 'us' } });
  },
};

const applications: readonly Application[] = [
  {
    interface: 'node',
    call: (req: import('node:http').IncomingMessage, res: import('node:http').ServerResponse) => {
      const pieces: Buffer[] = [];
      req.on('data', (piece: Buffer) => pieces.push(piece));
      req.on('end', () => {
        res.writeHead(201, { 'x-method': req.method ?? '', 'content-type': 'text/plain' });
        res.end(`${req.url} ${Buffer.concat(pieces).toString()}`);
      });
    },
  },
  {
    interface: 'fetch',
    call: async (request: Request) => {
      const { pathname } = new URL(request.url);
      const headers = { 'x-method': request.method, 'content-type': 'text/plain' };
      return new Response(`${pathname} ${await request.text()}`, { status: 201, headers });
    },
  },
  {
    interface: 'wsgi',
    call: (environ: Record<string, unknown>, start: (status: string, fields: unknown) => void) => {
      start('201 Created', [
        ['X-Method', environ['REQUEST_METHOD']],
        ['Content-Type', 'text/plain'],
      ]);
      const input = environ['wsgi.input'] as { read(): Buffer };
      return [`${environ['PATH_INFO']} ${input.read().toString()}`];
    },
  },
] as never;

describe('http2', () => {
  for (const application of applications) {
    for (const tls of [false, true]) {
      test(`${application.interface}: bodies and parallel streams, ${tls ? 'ALPN' : 'h2c'}`, async (t) => {
        const { port } = await serveApp(t, application, {}, tls);
        const client = await session(t, port, tls);
        const answers = await Promise.all(
          Array.from({ length: 20 }, (_, index) => {
            const stream = client.request({ ':method': 'POST', ':path': `/${index}` });
            stream.end(`body ${index}`.repeat(10_000));
            return answerOf(stream);
          }),
        );
        answers.forEach(({ status, headers, text }, index) => {
          assert.equal(status, 201);
          assert.equal(headers['x-method'], 'POST');
          assert.equal(text, `/${index} ${`body ${index}`.repeat(10_000)}`);
        });
      });
    }
  }

  test('HTTP/1.1 is served on the same port, with and without TLS', async (t) => {
    const plain = await serveApp(t, echo);
    assert.match((await ask({ port: plain.port })).text, /^GET http:/);
    // The first bytes of the preface, and then something else.
    const socket = connectTcp(plain.port, '127.0.0.1').setEncoding('utf8');
    t.after(() => socket.destroy());
    socket.write('P');
    await once(socket, 'connect');
    socket.write('UT /x HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi');
    assert.match((await socket.toArray()).join(''), /^HTTP\/1\.1 200 [\s\S]*PUT http:\/\/a\/x hi/);

    const secure = await serveApp(t, echo, {}, true);
    const request = httpsRequest({
      port: secure.port,
      host: 'localhost',
      ca: testAuthority().cert,
      agent: false,
    });
    const [response] = await once(request.end(), 'response');
    assert.equal(response.httpVersion, '1.1');
    response.resume();
    const tls = connectTls({
      port: secure.port,
      host: 'localhost',
      ca: testAuthority().cert,
      ALPNProtocols: ['h2'],
    });
    await once(tls, 'secureConnect');
    assert.equal(tls.alpnProtocol, 'h2');
    tls.destroy();
  });

  test('trailers go both ways; fields of HTTP/1.1 are left out', async (t) => {
    let received: readonly string[] = [];
    const server = await startBackend('http2', {
      interface: 'fetch',
      handle(exchange) {
        exchange.readBody({
          data: () => true,
          end(trailers) {
            received = trailers;
            exchange.respondInfo(103, ['link', '</a.css>']);
            exchange.respondHead(200, '', ['Connection', 'close', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2']);
            exchange.write('text');
            exchange.end(['x-sum', '42']);
          },
          error() {},
        });
      },
    });
    t.after(() => server.close());
    const client = await session(t, server.port);
    const stream = client.request({ ':method': 'POST' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-end': 'yes' }));
    const informed = once(stream, 'headers');
    stream.end('body');
    const answer = await answerOf(stream);
    assert.deepEqual(received, ['x-end', 'yes']);
    assert.equal((await informed)[0].link, '</a.css>');
    assert.equal(answer.text, 'text');
    assert.equal(answer.trailers['x-sum'], '42');
    assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2']);
    assert.equal(answer.headers.connection, undefined);
  });

  test('HEAD, 204 and an error answer as they should', async (t) => {
    const server = await serveApp(t, {
      interface: 'fetch',
      call: (request: Request) => {
        if (request.url.endsWith('/204')) return new Response(null, { status: 204 });
        if (request.url.endsWith('/throw')) throw new Error('not today');
        return new Response('12345', { headers: { 'content-length': '5' } });
      },
    });
    const client = await session(t, server.port);
    const head = await get(client, '/', { ':method': 'HEAD' });
    assert.deepEqual([head.status, head.headers['content-length'], head.text], [200, '5', '']);
    assert.equal((await get(client, '/204')).status, 204);
    assert.equal((await get(client, '/throw')).status, 500);
    assert.match(String(server.errors[0]?.error), /not today/);
  });

  test('the limits of a body, of a head and of requests in flight hold', async (t) => {
    const server = await serveApp(t, echo, { bodyBytesMax: 10, bodyMs: 1000, headBytesMax: 4096 });
    const client = await session(t, server.port);
    for (const fields of [{}, { 'content-length': 20 }]) {
      const large = client.request({ ':method': 'POST', ...fields });
      large.on('error', () => {});
      large.end('x'.repeat(20));
      assert.equal((await answerOf(large)).status, 413);
    }
    const late = client.request({ ':method': 'POST' });
    late.write('x');
    assert.equal((await answerOf(late)).status, 408);
    const long = client.request({ 'x-long': 'x'.repeat(5000) });
    const [error] = await once(long, 'error').catch((cause) => [cause]);
    assert.ok(error instanceof Error);
    // The connection goes on.
    assert.equal((await get(client, '/')).status, 200);
  });

  test('--spawn and --max-queued count the streams of all connections', async (t) => {
    const running: { readonly path: string; readonly answer: (response: Response) => void }[] = [];
    let told: () => void = () => {};
    const held: Application = {
      interface: 'fetch',
      call: (request: Request) =>
        new Promise<Response>((answer) => {
          running.push({ path: new URL(request.url).pathname, answer });
          told();
        }),
    };
    const server = await serveApp(t, held, { inFlightMax: 2, queuedMax: 1 });
    const [one, other] = [await session(t, server.port), await session(t, server.port)];
    const runs = async (count: number): Promise<void> => {
      while (running.length < count) {
        await new Promise<void>((resolve) => {
          told = resolve;
        });
      }
    };
    const answers = [get(one, '/first'), get(other, '/second')];
    await runs(2);
    // One of these waits and the other is refused; the one on this connection comes first.
    const third = get(one, '/third');
    await get(one, '/fourth').then(({ status, headers }) => {
      assert.equal(status, 503);
      assert.match(String(headers['retry-after']), /^\d+$/);
    });
    assert.equal((await get(other, '/fifth')).status, 503);
    assert.equal(running.length, 2);
    running[0]?.answer(new Response('done'));
    await runs(3);
    assert.equal(running[2]?.path, '/third');
    for (const { answer } of running) answer(new Response('done'));
    for (const answer of [...answers, third]) assert.equal((await answer).text, 'done');
  });

  test('a client that leaves is told to the application; a stream that is cut leaves the others', async (t) => {
    let aborted: (() => void) | undefined;
    const left = new Promise<void>((resolve) => {
      aborted = resolve;
    });
    const server = await startBackend('http2', {
      interface: 'fetch',
      handle(exchange) {
        if (exchange.target === '/wait') exchange.onAbort(() => aborted?.());
        exchange.respondHead(200, '', []);
        if (exchange.target === '/wait') return;
        exchange.write('some');
        if (exchange.target === '/cut') exchange.abort();
        else exchange.end();
      },
    });
    t.after(() => server.close());
    const client = await session(t, server.port);
    const wait = client.request({ ':path': '/wait' });
    await once(wait, 'response');
    wait.close(8);
    await left;
    await assert.rejects(get(client, '/cut'), /NGHTTP2_INTERNAL_ERROR/);
    assert.equal((await get(client, '/')).text, 'some');
    assert.equal(server.stats().inFlight, 0);
  });

  test('a drain answers what is open, says GOAWAY, and closes the idle', async (t) => {
    let release: (() => void) | undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const application = async (): Promise<Response> => {
      await released;
      return new Response('done');
    };
    const server = await serveApp(t, { interface: 'fetch', call: application });
    const idle = await session(t, server.port);
    const busy = await session(t, server.port);
    const answer = get(busy, '/');
    while (server.stats().inFlight === 0) await new Promise(setImmediate);
    const goaway = once(busy, 'goaway');
    const idleClosed = once(idle, 'close');
    const closed = server.close(30_000);
    await Promise.all([goaway, idleClosed]);
    release?.();
    assert.equal((await answer).text, 'done');
    assert.deepEqual(await closed, { cut: 0 });
  });

  test('at the deadline what is open is cut', async (t) => {
    const never = { interface: 'fetch', call: () => new Promise<Response>(() => {}) } as const;
    const server = await serveApp(t, never);
    const client = await session(t, server.port);
    const stream = client.request({});
    stream.on('error', () => {});
    const closed = once(stream, 'close');
    while (server.stats().inFlight === 0) await new Promise(setImmediate);
    assert.ok((await server.close(0)).cut > 0);
    await closed;
  });

  test('nghttp and h2load are served', async (t) => {
    const server = await serveApp(t, echo);
    const file = join(temporaryDirectory(t), 'body');
    writeFileSync(file, 'from nghttp');
    const run = async (program: string, ...args: string[]): Promise<string> =>
      (await promisify(execFile)(program, args)).stdout;
    const url = `http://127.0.0.1:${server.port}/some`;
    assert.match(await run('nghttp', '-d', file, url), /^POST http:\/\/127\.0\.0\.1:\d+\/some from nghttp/);
    const load = await run('h2load', '-n', '2000', '-c', '4', '-m', '20', url);
    assert.match(load, /2000 succeeded, 0 failed, 0 errored/);
    assert.match(
      await run('h2load', '--h1', '-n', '500', '-c', '4', url),
      /500 succeeded, 0 failed, 0 errored/,
    );
  });
});

import assert from 'node:assert/strict';
import { type RequestOptions, request } from 'node:http';
import { describe, test } from 'node:test';
import { createHandler, installLightResponse } from '../../lib/interfaces/index.js';
import { testedBackends } from '../helpers/backends.js';
import { compare, exchangeBytes, get, type Make } from '../helpers/compare-servers.js';
import { startBackend } from '../helpers/start-backend.js';
import type { Application, Started } from './apps/application.js';

/** One request of the scenario. */
export interface Step {
  readonly name: string;
  readonly options: RequestOptions;
  readonly body?: string;
  readonly status: number;
  /** What the body must be, or hold. */
  readonly expect?: string | RegExp;
}

const json = { 'content-type': 'application/json' };
const form = { 'content-type': 'application/x-www-form-urlencoded' };

/** The routes that each application has. */
export const steps: readonly Step[] = [
  { name: 'hello', options: { path: '/' }, status: 200, expect: 'Hello, World!' },
  { name: 'HEAD', options: { path: '/', method: 'HEAD' }, status: 200, expect: '' },
  {
    name: 'a parameter and a query',
    options: { path: '/users/7?q=a%20b' },
    status: 200,
    expect: /"7".*"a b"/,
  },
  {
    name: 'a JSON body',
    options: { path: '/json', method: 'POST', headers: json },
    body: '{"name":"Zoë","list":[1,2]}',
    status: 200,
    expect: /"name":"Zoë"/,
  },
  {
    name: 'a chunked JSON body',
    options: { path: '/json', method: 'POST', headers: { ...json, 'transfer-encoding': 'chunked' } },
    body: `{"name":"${'x'.repeat(70_000)}"}`,
    status: 200,
    expect: /"name":"x{70000}"/,
  },
  {
    name: 'a body that is no JSON',
    options: { path: '/json', method: 'POST', headers: json },
    body: '{',
    status: 400,
  },
  {
    name: 'a body of another type',
    options: { path: '/echo', method: 'PUT', headers: form },
    body: 'a=1&b=2',
    status: 200,
    expect: 'a=1&b=2',
  },
  { name: 'an empty response', options: { path: '/empty', method: 'DELETE' }, status: 204, expect: '' },
  { name: 'a redirect', options: { path: '/redirect' }, status: 302 },
  {
    name: 'fields and cookies',
    options: { path: '/headers', headers: { 'x-ask': 'me' } },
    status: 201,
    expect: 'me',
  },
  { name: 'a streamed file', options: { path: '/file' }, status: 200, expect: /"lockfileVersion"/ },
  { name: 'HEAD of a streamed file', options: { path: '/file', method: 'HEAD' }, status: 200, expect: '' },
  { name: 'an error that is thrown', options: { path: '/throw' }, status: 500, expect: 'handled: thrown' },
  { name: 'an error of a promise', options: { path: '/reject' }, status: 500, expect: 'handled: rejected' },
  { name: 'an answer that comes later', options: { path: '/later' }, status: 200, expect: 'later' },
  { name: 'no such route', options: { path: '/nowhere' }, status: 404 },
];

/** A whole response, without what differs between any two. */
export interface Answer {
  readonly status: number | undefined;
  readonly reason: string | undefined;
  /** Names in lower case, sorted; without date and what belongs to the connection. */
  readonly headers: readonly string[];
  readonly body: string;
}

const ofTheConnection = new Set(['date', 'connection', 'keep-alive']);

/** Send one request, on a connection of its own. */
export function ask(port: number, options: RequestOptions, body = ''): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length =
      body === '' || isChunked(options.headers) ? {} : { 'content-length': Buffer.byteLength(body) };
    const headers = { host: 'compat.example', ...options.headers, ...length };
    const outgoing = request({ host: '127.0.0.1', port, agent: false, ...options, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const fields: string[] = [];
        for (let index = 0; index < response.rawHeaders.length; index += 2) {
          const name = response.rawHeaders[index]?.toLowerCase() ?? '';
          if (!ofTheConnection.has(name)) fields.push(`${name}: ${response.rawHeaders[index + 1]}`);
        }
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({
          status: response.statusCode,
          reason: response.statusMessage,
          headers: fields.sort(),
          body: text,
        });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** Serve an application on node:http's server and on ours without the command, and compare every byte. */
export function compareServers({ name, start }: Application): void {
  const asking = (title: string, ask: (started: Started) => Promise<unknown>) =>
    compare(title, async (make: Make) => {
      const started = await start(make);
      try {
        return await ask(started);
      } finally {
        await started.close();
      }
    });
  describe(`${name} on createServer`, () => {
    for (const step of steps) {
      asking(step.name, async ({ port }) => {
        const answer = await exchangeBytes(port, bytesOf(step));
        assert.match(answer, new RegExp(`^HTTP/1\\.1 ${step.status} `));
        return answer;
      });
    }
    asking('all of them on one connection, one behind the other', ({ port }) => {
      const requests = steps.map((step) => `${requestOf(step)}\r\n${bodyOf(step)}`);
      return exchangeBytes(port, requests.join(''), 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    });
    asking('HTTP/1.0', async ({ port }) => {
      // Ours says the length there, too, so that the connection can be kept.
      const answer = await exchangeBytes(port, 'GET / HTTP/1.0\r\n\r\n');
      return answer.replace(/^content-length: .*\r\n/im, '');
    });
    asking('closing ends an idle connection and answers what is in flight', async (started) => {
      const idle = exchangeBytes(started.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      const answered = await get(started.port, '/later');
      await started.close();
      return [answered, await idle];
    });
  });
}

/** A step as the last request of its connection. */
export function bytesOf(step: Step): string {
  return `${requestOf(step)}Connection: close\r\n\r\n${bodyOf(step)}`;
}

function requestOf({ options: { path, method = 'GET', headers }, body = '' }: Step): string {
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: compat.example'];
  for (const [name, value] of Object.entries({ ...headers })) lines.push(`${name}: ${value}`);
  if (body !== '' && !isChunked(headers)) lines.push(`content-length: ${Buffer.byteLength(body)}`);
  return `${lines.join('\r\n')}\r\n`;
}

function bodyOf({ options: { headers }, body = '' }: Step): string {
  const bytes = Buffer.from(body).toString('latin1');
  return isChunked(headers) ? `${bytes.length.toString(16)}\r\n${bytes}\r\n0\r\n\r\n` : bytes;
}

function isChunked(headers: RequestOptions['headers']): boolean {
  return 'transfer-encoding' in { ...headers };
}

/** Run the scenario against an application on every backend, and compare response by response.
 *  @param create Makes the application anew for each backend. */
export function compareBackends({ name, create }: Application): void {
  const answers = new Map<string, Answer>();
  for (const backend of [...testedBackends].sort()) {
    describe(`${name} on the ${backend} backend`, async () => {
      installLightResponse();
      const handler = await createHandler(await create(), { interface: 'auto' });
      const server = await startBackend(backend, handler);
      let left = steps.length;
      for (const step of steps) {
        test(step.name, async (t) => {
          t.after(async () => {
            left -= 1;
            if (left === 0) await server.close();
          });
          const answer = await ask(server.port, step.options, step.body);
          assert.equal(answer.status, step.status, answer.body);
          if (typeof step.expect === 'string') assert.equal(answer.body, step.expect);
          else if (step.expect !== undefined) assert.match(answer.body, step.expect);
          const reference = answers.get(step.name);
          if (reference === undefined) answers.set(step.name, answer);
          else assert.deepEqual(answer, reference, 'the backends differ');
        });
      }
    });
  }
}

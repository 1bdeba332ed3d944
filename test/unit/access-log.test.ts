// Formats of --access-log: what users of gunicorn and nginx know, and nothing that a client sends breaks a line.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { lineFormat } from '../../lib/access-log/format.js';
import { Lines } from '../../lib/access-log/lines.js';
import { LineOutput } from '../../lib/access-log/output.js';
import { apacheTime } from '../../lib/access-log/parts.js';
import { ChaussetteError } from '../../lib/errors.js';
import type { EndedRequest, RequestEnd } from '../../lib/exchange.js';
import { durationBoundsUs } from '../../lib/native/duration-bounds.js';
import { addon } from '../../lib/native/layout.js';
import { RefusedLine } from '../../lib/native/refused-line.js';
import { temporaryDirectory } from '../helpers/processes.js';

const remote = { address: '192.0.2.7', port: 4711, family: 'IPv4' } as const;

function requestWith(fields: Readonly<Record<string, string>>, target = '/a?b=1&c'): EndedRequest {
  const headers = {
    get: (name: string) => fields[name],
    has: (name: string) => name in fields,
    raw: Object.entries(fields).flat(),
  };
  return { method: 'GET', target, httpVersion: '1.1', headers, remote };
}

const end: RequestEnd = {
  status: 200,
  bytes: 1234,
  durationUs: 2_345_678,
  endedMs: Date.UTC(2026, 10, 28, 12, 0, 1, 250),
  aborted: false,
};

async function line(format: string, request: EndedRequest, how: Partial<RequestEnd> = {}): Promise<string> {
  const lines = new Lines();
  (await lineFormat(format, undefined)).put(lines, request, { ...end, ...how });
  return lines.bytes.toString('latin1', 0, lines.length);
}

const authorization = `Basic ${Buffer.from('ada:secret').toString('base64')}`;

describe('formats', () => {
  const time = apacheTime(end.endedMs);

  test('common and combined', async () => {
    const request = requestWith({ authorization, referer: 'http://r/', 'user-agent': 'curl/8' });
    const common = `192.0.2.7 - ada ${time} "GET /a?b=1&c HTTP/1.1" 200 1234`;
    assert.equal(await line('common', request), `${common}\n`);
    assert.equal(await line('combined', request), `${common} "http://r/" "curl/8"\n`);
    assert.match(time, /^\[28\/Nov\/2026:\d\d:00:01 [+-]\d{4}\]$/);
  });

  test("gunicorn's atoms", async () => {
    const request: EndedRequest = {
      ...requestWith({ host: 'example.org', 'x-request-id': 'r-1' }),
      responseFields: ['X-Cache', 'miss', 'vary', 'a', 'Vary', 'b'],
    };
    const parts: Readonly<Record<string, string>> = {
      '%(m)s %(U)s %(q)s %(H)s': 'GET /a b=1&c HTTP/1.1',
      '%(T)s %(D)s %(M)s %(L)s': '2 2345678 2345 2.345678',
      '%(B)s %(b)s %(s)s %(l)s %(p)s': `1234 1234 200 - <${process.pid}>`,
      '%({Host}i)s %({x-none}i)s %({x-request-id}i)s': 'example.org - r-1',
      '%({x-cache}o)s %({vary}o)s %({x-none}o)s': 'miss a, b -',
      '%({REQUEST_METHOD}e)s %({PATH_INFO}e)s %({REMOTE_ADDR}e)s %({HTTP_HOST}e)s %({NONE_SUCH}e)s':
        'GET /a 192.0.2.7 example.org -',
      '100%% %(s)s': '100% 200',
    };
    for (const [format, expected] of Object.entries(parts)) {
      assert.equal(await line(format, request), `${expected}\n`, format);
    }
    assert.equal(await line('%(b)s %(B)s', request, { bytes: 0 }), '- 0\n');
  });

  test('JSON', async () => {
    const request = requestWith({
      authorization,
      host: 'h',
      'user-agent': 'a"b\\c\x1b',
      'x-request-id': 'id/1',
    });
    assert.deepEqual(JSON.parse(await line('json', request)), {
      time: '2026-11-28T12:00:01.250Z',
      pid: process.pid,
      remote: '192.0.2.7',
      user: 'ada',
      method: 'GET',
      host: 'h',
      target: '/a?b=1&c',
      protocol: 'HTTP/1.1',
      status: 200,
      bytes: 1234,
      duration_ms: 2345.678,
      user_agent: 'a"b\\c\x1b',
      request_id: 'id/1',
    });
    assert.equal(JSON.parse(await line('json', request, { aborted: true })).aborted, true);
    const utf8 = Buffer.from('Zoë').toString('latin1');
    const other = JSON.parse(await line('json', requestWith({ 'user-agent': utf8, 'x-request-id': 'a b' })));
    assert.equal(other.user_agent, 'Zoë');
    assert.match(other.request_id, /^[0-9a-f]{12}-\w+$/);
  });

  test('what a client sends stays in its place', async () => {
    const nasty = '"\\\n\r\t\0\x1b[31m\x7f\u0085\u00e4';
    const shown = '\\"\\\\\\x0a\\x0d\\x09\\x00\\x1b[31m\\x7f\\x85\\xe4';
    const request = requestWith({ referer: nasty, 'user-agent': nasty, authorization }, `/${nasty}`);
    const text = await line('combined', request);
    assert.equal(text, `192.0.2.7 - ada ${time} "GET /${shown} HTTP/1.1" 200 1234 "${shown}" "${shown}"\n`);
    for (const format of ['json', 'common', 'combined', '%(U)s %(q)s %({referer}i)s %({HTTP_REFERER}e)s']) {
      assert.match(await line(format, request), /^[\x20-\x7e]+\n$/, format);
    }
  });

  test('a refused line is shown as it came', async () => {
    const broken = new RefusedLine('GET /"x" HTTP/1.1 now', remote);
    assert.equal(
      await line('combined', broken, { status: 400 }),
      `192.0.2.7 - - ${time} "GET /\\"x\\" HTTP/1.1 now" 400 1234 "-" "-"\n`,
    );
    const empty = new RefusedLine('', remote);
    assert.match(await line('%(r)s %(m)s %(U)s', empty), /^- - -\n$/);
    assert.equal(JSON.parse(await line('json', broken)).line, 'GET /"x" HTTP/1.1 now');
  });

  test('formats with the address or the port of the client ask for them before it has left', async () => {
    const wants = async (format: string) => (await lineFormat(format, undefined)).wantsAddress;
    assert.equal(await wants('%(h)s'), true);
    assert.equal(await wants('%({REMOTE_ADDR}e)s'), true);
    assert.equal(await wants('%({REMOTE_PORT}e)s'), true);
    assert.equal(await wants('%(r)s'), false);
  });

  test('mistakes name what is wrong', async () => {
    for (const [format, message] of [
      ['%(z)s', /has %\(z\)s, which is no atom/],
      ['%({x}z)s', /has %\(\{x\}z\)s/],
      ['nothing', /has no atom/],
      ['%(h)s 100%', /begins no %\(atom\)s/],
      ['%(h)d', /begins no %\(atom\)s/],
    ] as const) {
      await assert.rejects(lineFormat(format, undefined), (error: unknown) => {
        assert.ok(error instanceof ChaussetteError);
        assert.match(error.message, message);
        return error.code === 'CHAUSSETTE_ERR_USAGE';
      });
    }
  });
});

describe('where lines go', () => {
  const add = (output: LineOutput, text: string): void => {
    output.lines.put(text);
    output.added();
  };
  const open = (path: string) => {
    const warnings: string[] = [];
    return { warnings, output: new LineOutput(path, (message) => void warnings.push(message)) };
  };

  test('a file that is renamed is opened again, and no line is lost', (t) => {
    const directory = temporaryDirectory(t);
    const path = join(directory, 'log');
    const { output, warnings } = open(path);
    add(output, 'one\n');
    renameSync(path, `${path}.1`);
    output.reopen();
    add(output, 'two\n');
    output.flush();
    assert.equal(readFileSync(`${path}.1`, 'utf8') + readFileSync(path, 'utf8'), 'one\ntwo\n');
    assert.deepEqual(warnings, []);
  });

  test('a full disk costs lines, and is told once', () => {
    const { output, warnings } = open('/dev/full');
    add(output, 'one\n');
    output.flush();
    add(output, 'two\nthree\n');
    output.flush();
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /--access-log cannot be written: ENOSPC/);
  });

  test('after lines that were lost within one, the next begins on a line of its own', (t) => {
    const path = join(temporaryDirectory(t), 'fifo');
    assert.equal(spawnSync('mkfifo', [path]).status, 0);
    const reader = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    t.after(() => closeSync(reader));
    const { output, warnings } = open(path);
    add(output, `${'a'.repeat(200_000)}\n`);
    output.flush();
    add(output, 'b\n'.repeat(2_500_000));
    output.flush();
    assert.match(warnings.join(), /its reader is too slow/);
    drain(reader);
    add(output, 'next\n');
    output.flush();
    output.close();
    assert.equal(drain(reader), '\nnext\n');
  });

  test('a standard output that may be written to, and not opened, is used as it is', () => {
    const output = fileURLToPath(new URL('../../lib/access-log/output.ts', import.meta.url));
    const script = `
      const { chmodSync } = await import('node:fs');
      const { LineOutput } = await import(${JSON.stringify(output)});
      if (process.getuid() === 0) process.seteuid(65534);
      else chmodSync('/proc/self/fd/1', 0);
      const output = new LineOutput('-', console.error);
      output.lines.put('a line\\n');
      output.close();
    `;
    const program = ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', script];
    // A pipe of the shell's: those of node:child_process are sockets.
    const { stdout, stderr } = spawnSync('sh', ['-c', '"$@" | cat', 'sh', process.execPath, ...program], {
      encoding: 'utf8',
    });
    assert.equal(stdout, 'a line\n', stderr);
  });

  test('a directory is a usage error', (t) => {
    assert.throws(() => open(temporaryDirectory(t)), { code: 'CHAUSSETTE_ERR_USAGE' });
  });

  test('the descriptors of the process are left alone', (t) => {
    const path = join(temporaryDirectory(t), 'log');
    const before = openSync('/dev/null', 'r');
    closeSync(before);
    const { output } = open(path);
    output.reopen();
    output.reopen();
    output.lines.put('last\n');
    output.close();
    output.reopen();
    output.added();
    output.flush();
    assert.equal(readFileSync(path, 'utf8'), 'last\n');
    const after = openSync('/dev/null', 'r');
    closeSync(after);
    assert.equal(after, before);
  });
});

/** All that waits in a pipe. */
function drain(fd: number): string {
  const bytes = Buffer.alloc(65_536);
  let text = '';
  for (;;) {
    try {
      text += bytes.toString('latin1', 0, readSync(fd, bytes));
    } catch {
      return text; // EAGAIN
    }
  }
}

test('both halves count durations in the same buckets', () => {
  assert.deepEqual(addon.layout['DurationBoundsUs'], durationBoundsUs);
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Command, FdParent, type Passed } from '../helpers/command.js';
import { missing, temporaryDirectory } from '../helpers/processes.js';

const skip = missing('python3');

interface BadInput {
  readonly what: string;
  readonly args: readonly string[];
  readonly status: number;
  /** The first line of standard error, after `chaussette: `. */
  readonly sentence: RegExp;
  /** The second, where there is one. */
  readonly remedy?: RegExp;
}

/** One sentence that names the value, at most one more for the remedy, and nothing else. */
function assertExplained(stderr: string, stdout: string, { sentence, remedy }: BadInput): void {
  assert.equal(stdout, '');
  const [first = '', second, ...rest] = stderr.trimEnd().split('\n');
  assert.match(first, /^chaussette: /);
  assert.match(first.slice('chaussette: '.length), sentence);
  if (remedy !== undefined) assert.match(second ?? '', remedy);
  assert.deepEqual(rest, []);
}

const arguments_: readonly BadInput[] = [
  {
    what: 'an unknown option',
    args: ['--prot', '8000'],
    status: 2,
    sentence: /^unknown option --prot: did you mean --port\?$/,
    remedy: /after `--`/,
  },
  {
    what: 'an option like no other',
    args: ['--zzzzzz'],
    status: 2,
    sentence: /--zzzzzz: `chaussette --help`/,
  },
  { what: 'an unknown letter', args: ['-x'], status: 2, sentence: /^unknown option -x/ },
  { what: 'an option without its value', args: ['--port'], status: 2, sentence: /^--port needs a value$/ },
  {
    what: 'an option in the place of a value',
    args: ['--backend', '--port', '1'],
    status: 2,
    sentence: /^--backend needs a value$/,
  },
  {
    what: 'a port that is no number',
    args: ['--port', 'web'],
    status: 2,
    sentence: /^--port is "web": it must be a whole number from 0 to 65535$/,
  },
  {
    what: 'AF_UNIX without a Unix socket',
    args: ['--address-family', 'AF_UNIX'],
    status: 2,
    sentence: /^--address-family is AF_UNIX: give a socket for it, such as --host unix:/,
  },
  {
    what: 'a mount without an application',
    args: ['--mount', '/blog='],
    status: 2,
    sentence: /^--mount is "\/blog=": it names no application$/,
    remedy: /^Write --mount \/blog=blog\.app/,
  },
  {
    what: 'a mount that is no path',
    args: ['--mount', 'blog=blog.app'],
    status: 2,
    sentence: /^--mount is "blog=blog\.app": "blog" is not a path: it must begin with \/$/,
  },
  {
    what: 'a paste file that is not there',
    args: ['paste:none.ini'],
    status: 3,
    sentence: /^none\.ini: it cannot be read: ENOENT/,
  },
  {
    what: 'a section that is not in a paste file',
    args: ['paste:examples/paste/site.ini#shop'],
    status: 3,
    sentence: /^examples\/paste\/site\.ini: there is no section \[app:shop\]; there is main, home, blog, /,
  },
  { what: 'a port that is too high', args: ['--port', '65536'], status: 2, sentence: /"65536".* 65535$/ },
  {
    what: 'an unknown interface',
    args: ['--interface', 'rack'],
    status: 2,
    sentence: /"rack".*node, fetch, wsgi/,
  },
  {
    what: 'what Circus did not expand',
    args: ['--fd', '$(socket:web)'],
    status: 2,
    sentence: /^--fd is '\$\(socket:web\)': the process manager did not expand it to a number$/,
    remedy: /\$\(circus\.sockets\.web\), with use_sockets = True/,
  },
  {
    what: 'a negative descriptor',
    args: ['--fd', '-1'],
    status: 2,
    sentence: /'-1': it must be the number of/,
  },
  {
    what: 'an IPv6 address without brackets',
    args: ['--bind', '::1'],
    status: 2,
    sentence: /^--bind is "::1": write \[::1\]:8080$/,
  },
  {
    what: 'two places to serve at',
    args: ['--host', '127.0.0.1', '--fd', '3'],
    status: 2,
    sentence: /^--host and --fd both say where to serve$/,
    remedy: /repeat --bind/,
  },
  {
    what: 'one descriptor twice',
    args: ['--bind', 'fd://3', '--bind', 'fd://3'],
    status: 2,
    sentence: /^fd 3 is given twice/,
  },
  {
    what: 'a configuration file that is not there',
    args: ['--config', '/nonexistent.json'],
    status: 2,
    sentence: /^--config \/nonexistent\.json cannot be read: ENOENT/,
  },
  {
    what: 'a log file that cannot be opened',
    args: ['--log-output', '/nonexistent/x.log'],
    status: 2,
    sentence: /^--log-output \/nonexistent\/x\.log cannot be opened/,
  },
  {
    what: 'a Unix path that is too long',
    args: ['--bind', `unix:/${'x'.repeat(120)}`],
    status: 2,
    sentence: /121 bytes, and a Unix socket's has 107 at most$/,
  },
  {
    what: 'a host that has no address',
    args: ['--host', 'nosuch.invalid'],
    status: 4,
    sentence: /^the host nosuch\.invalid cannot be resolved/,
  },
  {
    what: 'a host of another machine',
    args: ['--host', '192.0.2.1'],
    status: 4,
    sentence: /^cannot bind 192\.0\.2\.1:8080: .*\(EADDRNOTAVAIL\)$/,
    remedy: /no such address/,
  },
  {
    what: 'a path that is not a socket',
    args: ['--bind', 'unix:/dev/null'],
    status: 4,
    sentence: /^cannot bind unix:\/dev\/null: the path exists and is not a socket$/,
  },
  {
    what: 'a name that systemd does not pass',
    args: ['--bind', 'sd:web'],
    status: 4,
    sentence: /sd:web.*LISTEN_FDS/,
  },
  { what: 'an unknown backend', args: ['--backend', 'nosuch'], status: 5, sentence: /nosuch/ },
  { what: 'a module that is not there', args: ['./nosuch.js:app'], status: 3, sentence: /nosuch/ },
  {
    what: 'a hook that is not there',
    args: ['--pre-hook', './nosuch.js:f'],
    status: 6,
    sentence: /^--pre-hook .*nosuch/,
  },
];

describe('bad input on the command line', () => {
  for (const input of arguments_) {
    test(`${input.what}: status ${input.status}`, async (t) => {
      const command = new Command(t, input.args);
      assert.equal(await command.end(), input.status, command.stderr);
      assertExplained(command.stderr, command.stdout, input);
    });
  }

  test('a port in use: status 4', async (t) => {
    const server = createServer().listen(0, '127.0.0.1');
    t.after(() => server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const command = new Command(t, ['--port', String(port)]);
    assert.equal(await command.end(), 4);
    assertExplained(command.stderr, command.stdout, {
      what: '',
      args: [],
      status: 4,
      sentence: new RegExp(`^cannot bind 127\\.0\\.0\\.1:${port}: address already in use \\(EADDRINUSE\\)$`),
      remedy: /Stop the process that has it/,
    });
  });

  test('a port in use, without the addon: status 4', async (t) => {
    const server = createServer().listen(0, '127.0.0.1');
    t.after(() => server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const command = new Command(t, ['--port', String(port)], { env: { CHAUSSETTE_NO_NATIVE: '1' } });
    assert.equal(await command.end(), 4);
    assert.match(command.stderr, new RegExp(`^chaussette: cannot listen on .*:${port}.*EADDRINUSE`));
  });
});

describe('bad applications', () => {
  const files: Readonly<Record<string, string>> = {
    'throws.mjs': `function boom() { throw new RangeError('out of cheese'); }\nboom();\nexport const app = 1;`,
    'rejects.mjs': `await Promise.reject(new Error('no database'));`,
    'exports.mjs': 'export const handler = () => {};\nexport const settings = {};',
    'number.mjs': 'export const app = 42;',
    'broken.mjs': 'export const app = (;',
  };
  const cases: readonly (BadInput & { readonly also?: RegExp })[] = [
    {
      what: 'a module that throws: with its own stack',
      args: ['./throws.mjs:app'],
      status: 3,
      sentence: /throws\.mjs/,
      also: /RangeError: out of cheese\n {4}at boom/,
    },
    {
      what: 'a module that rejects',
      args: ['./rejects.mjs:app'],
      status: 3,
      sentence: /rejects\.mjs/,
      also: /no database/,
    },
    {
      what: 'a syntax error',
      args: ['./broken.mjs:app'],
      status: 3,
      sentence: /broken\.mjs/,
      also: /SyntaxError/,
    },
    {
      what: 'no such export',
      args: ['./exports.mjs:application'],
      status: 3,
      sentence: /application/,
      also: /handler/,
    },
    {
      what: 'an export that is no application',
      args: ['./number.mjs:app'],
      status: 3,
      sentence: /app/,
      also: /number|42/,
    },
  ];
  for (const { what, args, status, sentence, also } of cases) {
    test(`${what}: status ${status}`, async (t) => {
      const directory = temporaryDirectory(t);
      for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
      const command = new Command(t, [...args, '--port', '0'], { cwd: directory });
      assert.equal(await command.end(), status, command.stderr);
      assert.equal(command.stdout, '');
      const [first = ''] = command.stderr.split('\n');
      assert.match(first, /^chaussette: /);
      assert.match(first, sentence);
      assert.match(command.stderr, also ?? /./);
      assert.doesNotMatch(command.stderr, /\[INFO\]|node:internal\/process/);
    });
  }
});

describe('bad descriptors: status 4', { skip }, () => {
  const cases: readonly (Omit<BadInput, 'args' | 'status'> & {
    readonly kind: Passed['kind'];
    readonly path?: string;
    readonly args?: readonly string[];
  })[] = [
    { what: 'closed', kind: 'closed', sentence: /^fd 7 is not open/, remedy: /use_sockets = True/ },
    {
      what: 'a regular file',
      kind: 'file',
      path: 'x.log',
      sentence: /^fd 7 is a regular file \(\/.*x\.log\), not a l/,
    },
    {
      what: 'a directory',
      kind: 'directory',
      path: '.',
      sentence: /^fd 7 is a directory \(\/.*\), not a listening socket$/,
    },
    { what: 'a pipe', kind: 'pipe', sentence: /^fd 7 is a pipe, not a listening socket$/ },
    {
      what: 'UDP',
      kind: 'udp',
      sentence: /^fd 7 is a UDP socket \(127\.0\.0\.1:\d+\), not/,
      remedy: /SOCK_STREAM/,
    },
    {
      what: 'Unix datagrams',
      kind: 'unix-dgram',
      path: 'd.sock',
      sentence: /^fd 7 is a Unix dgram socket \(unix:.*\), not/,
    },
    {
      what: 'unbound',
      kind: 'tcp-unbound',
      sentence: /^fd 7 is a TCP socket that is not bound/,
      remedy: /parent must bind/,
    },
    { what: 'a connection', kind: 'tcp-connected', sentence: /^fd 7 is a connected TCP socket/ },
    {
      what: 'another family than it is said',
      kind: 'tcp',
      args: ['--address-family', 'AF_UNIX'],
      sentence: /^fd 7 is a TCP socket \(.*\) \(AF_INET\), and --address-family says AF_UNIX$/,
    },
    {
      what: 'another type than it is said',
      kind: 'tcp',
      args: ['--socket-type', 'SOCK_DGRAM'],
      sentence: /\(SOCK_STREAM\), and --socket-type says SOCK_DGRAM$/,
    },
  ];
  for (const { what, kind, path, args = [], sentence, remedy } of cases) {
    test(what, async (t) => {
      const directory = temporaryDirectory(t);
      const passed: Passed = { fd: 7, kind, ...(path === undefined ? {} : { path: join(directory, path) }) };
      const run = new FdParent(t, [passed], ['--fd', '7', ...args]);
      const { status } = await run.ended();
      assert.equal(status, 4, run.parent.stderr);
      assertExplained(run.parent.stderr, '', { what, args, status, sentence, ...(remedy ? { remedy } : {}) });
    });
  }

  test('closed, under npm: says that npm does not pass descriptors on', async (t) => {
    const command = new Command(t, ['--fd', '3'], { env: { npm_lifecycle_event: 'start' } });
    assert.equal(await command.end(), 4);
    assert.match(command.stderr, /^chaussette: fd 3 is not open.*\nnpm and npx close inherited descriptors/);
  });
});

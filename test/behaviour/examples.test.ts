import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { OutgoingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { ask } from '../helpers/ask.js';
import { testedBackends } from '../helpers/backends.js';
import { CircusParent } from '../helpers/circus.js';
import {
  answers,
  chaussette,
  eventually,
  freePort,
  missing,
  Running,
  root,
  temporaryDirectory,
} from '../helpers/processes.js';
import { Supervisor } from '../helpers/supervisor.js';

const directory = join(root, 'examples');
const original = join(directory, 'original');
const [node = '', script = ''] = chaussette.split(' ');

interface Step {
  readonly path: string;
  /** Sent as JSON, with POST. */
  readonly send?: object;
  readonly status?: number;
  readonly headers?: OutgoingHttpHeaders;
  readonly answer: string | RegExp;
}

const hello: Step = { path: '/', answer: 'Hello, World!\n' };
const ada = { authorization: `Basic ${Buffer.from('ada:lovelace').toString('base64')}` };
const eve = { authorization: `Basic ${Buffer.from('eve:snake').toString('base64')}` };
const gzipped: Step = {
  path: '/x',
  headers: { 'accept-encoding': 'gzip' },
  // The start of a gzip stream, as text.
  answer: new RegExp(`^${String.fromCharCode(0x1f)}`),
};
const post: Step = { path: '/hello', send: { name: 'Ada' }, answer: '{"hello":"Ada"}' };

/** What each example answers; an example that is not here fails the first test. */
const steps: Readonly<Record<string, readonly Step[]>> = {
  'hello.js': [hello, { path: '/Ada', answer: 'Hello, Ada!\n' }],
  'fetch.js': [hello, post],
  'wsgi.js': [{ path: '/a/b?c', answer: 'Hello, World! You asked for /a/b\n' }],
  'wsgi-middleware.js': [
    { path: '/x', answer: 'Hello, World! This is /x\n' },
    gzipped,
    { path: '/secret', status: 401, answer: 'Who are you?\n' },
    { path: '/secret', status: 401, headers: eve, answer: 'Who are you?\n' },
    { path: '/secret/y', headers: ada, answer: 'Hello, ada! This is /secret/y\n' },
  ],
  'bench.js': [{ path: '/', answer: '<HTML>\n  <BODY>\n    Hello there.\n  </BODY>\n</HTML>\n' }],
  'flaskapp.js': [{ path: '/', answer: 'Hello World!' }],
  'tornadoapp.js': [{ path: '/', answer: 'Hello, World\n' }],
  'paste/site.ini': [
    { path: '/', answer: '<h1>Home</h1>\n' },
    { path: '/none.txt', status: 404, answer: 'There is no /none.txt\n' },
    {
      path: '/wiki/Start',
      answer: /^Page \/Start of the wiki at \/wiki, in sqlite:.*\/examples\/paste\/wiki\.db\n$/,
    },
    { path: '/cms/', answer: 'SCRIPT_NAME is /cms, filters are []\n' },
    { path: '/blog', status: 401, answer: 'Who are you?\n' },
    { path: '/blog', status: 401, headers: eve, answer: 'Who are you?\n' },
    { path: '/blog', headers: ada, answer: /^A blog in sqlite:.* admin is unknown\n$/ },
  ],
  'paste/settings.ini': [
    { path: '/blog', answer: /^This Is My Blog! in mysql:.* by nobody, admin is webmaster@example\.com\n$/ },
    { path: '/other', answer: /^The other face of my blog in mysql:/ },
    {
      path: '/special',
      answer: /^A long name\non two lines in .* by bob@example\.com, admin is bob@example\.com\n$/,
    },
    { path: '/', status: 404, answer: /no application is mounted here/ },
  ],
  'paste/filters.ini': [
    { path: '/', answer: 'SCRIPT_NAME is , filters are [printdebug session(memory)]\n' },
    { path: '/with', answer: 'SCRIPT_NAME is /with, filters are [printdebug]\n' },
    { path: '/factory', answer: 'SCRIPT_NAME is /factory, filters are [printdebug session(memory)]\n' },
    { path: '/forbidden', status: 403, answer: 'You are forbidden to view this resource\n' },
  ],
  'typescript.ts': [{ path: '/', answer: 'Hello, typed World!\n' }],
  'express.js': [
    hello,
    post,
    { path: '/source', answer: readFileSync(join(directory, 'express.js'), 'utf8') },
    { path: '/broken', status: 500, answer: 'Sorry: this route is broken on purpose\n' },
    { path: '/none', status: 404, answer: /Cannot GET \/none/ },
  ],
  'koa.js': [hello],
  'fastify.js': [hello, post],
  'hono.js': [hello, post, { path: '/none', status: 404, answer: '404 Not Found' }],
};

/** The commands in the comments of an example, without the program's name; the first line is one. */
function commandsOf(file: string): string[][] {
  const text = readFileSync(join(directory, file), 'utf8');
  const found = [...text.matchAll(/^(?:\/\/|#|\/\*\*) chaussette (.+?)(?: \*\/)?$/gm)];
  assert.equal(found[0]?.index, 0, `${file} does not begin with the command that runs it`);
  return found.map(([, command = '']) => command.split(' '));
}

/** Files that other tests run, or that another file here names. */
const elsewhere: Readonly<Record<string, string>> = {
  'chat/': 'test/behaviour/chat.test.ts',
  'chaussette-backend-plain/': 'test/behaviour/backends.test.ts',
  'original/': 'below',
  Containerfile: 'test/behaviour/containers.test.ts',
  'kubernetes.yaml': 'test/behaviour/containers.test.ts',
  'haproxy.cfg': 'test/managers/balancers.test.ts',
  'nginx.conf': 'test/managers/balancers.test.ts',
  'opentelemetry.mjs': 'test/compat/opentelemetry.test.ts',
  'circus.ini': 'below',
  'supervisord.conf': 'below',
  'chaussette.socket': 'below',
  'chaussette.service': 'below',
  'paste/cms.ini': 'paste/site.ini',
  'paste/static.js': 'paste/site.ini',
  'paste/auth.js': 'paste/site.ini',
  'paste/users.htpasswd': 'paste/site.ini',
  'paste/htdocs/index.html': 'paste/site.ini',
  'paste/applications.js': 'paste/settings.ini',
  'paste/filters.js': 'paste/filters.ini',
};

async function listening(running: Running, port: number): Promise<void> {
  const seen = await eventually('the port to answer', async () => {
    const up = await answers({ host: '127.0.0.1', port });
    return up || running.child.exitCode !== null ? { up } : undefined;
  });
  assert.ok(seen.up, `the command ended:\n${running.output}`);
}

async function walk(port: number, list: readonly Step[]): Promise<void> {
  for (const { path, send, status, answer, headers: own } of list) {
    const headers = { ...own, ...(send === undefined ? {} : { 'content-type': 'application/json' }) };
    const method = send === undefined ? 'GET' : 'POST';
    const reply = await ask({ port, path, method, headers }, send && JSON.stringify(send));
    assert.equal(reply.status, status ?? 200, `${path}: ${reply.text}`);
    if (typeof answer === 'string') assert.equal(reply.text, answer);
    else assert.match(reply.text, answer);
  }
}

test('every file of examples/ is run here, or elsewhere', () => {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(join(directory, name)).isFile(),
  );
  const known = [...Object.keys(steps), ...Object.keys(elsewhere)];
  const isKnown = (file: string) =>
    known.some((name) => (name.endsWith('/') ? file.startsWith(name) : file === name));
  assert.deepEqual(
    files.filter((file) => !isKnown(file)),
    [],
  );
  for (const file of Object.keys(steps)) commandsOf(file);
  for (const place of Object.values(elsewhere).filter((name) => name.startsWith('test/')))
    assert.match(readFileSync(join(root, place), 'utf8'), /examples/);
});

for (const backend of testedBackends) {
  describe(`examples, ${backend}`, () => {
    for (const [file, list] of Object.entries(steps)) {
      for (const command of commandsOf(file)) {
        test(`${file} answers as written: ${command.join(' ')}`, async (t) => {
          const port = await freePort();
          const where = ['--backend', backend, '--host', '127.0.0.1', '--port', String(port)];
          const running = new Running(t, node, [script, ...where, ...command]);
          await listening(running, port);
          await walk(port, list);
          assert.equal(await running.stop(), '0', running.output);
        });
      }
    }
  });
}

/** A copy of a manager's file that names our command by path, and a port that is free. */
function adapted(t: TestContext, file: string, port: number): string {
  const text = readFileSync(file, 'utf8')
    .replace(/^((?:cmd|command) = )chaussette /m, `$1${chaussette} `)
    .replace(/127\.0\.0\.1:80[08]0/g, `127.0.0.1:${port}`)
    .replace(/^port = \d+$/m, `port = ${port}`);
  const copy = join(temporaryDirectory(t), 'manager.conf');
  writeFileSync(copy, text);
  return copy;
}

/** The section of the program, which is the last one of the file, to be run in `cwd`. */
function programOf(text: string, cwd: string): string {
  const start = text.indexOf('[fcgi-program:');
  assert.ok(start >= 0, 'no [fcgi-program:…] section');
  return `${text.slice(start)}\ndirectory = ${cwd}\n`;
}

describe('manager files', () => {
  const circus = [
    { file: join(directory, 'circus.ini'), cwd: root, workers: 3, answer: 'Hello, World!\n' },
    { file: join(original, 'circus.ini'), cwd: original, workers: 5, answer: 'Hello from server.app\n' },
  ];
  for (const { file, cwd, workers, answer } of circus) {
    const name = file.slice(root.length);
    test(`${name} runs under the Circus stand-in`, { skip: missing('python3') }, async (t) => {
      const port = await freePort();
      const settings = [`watcher:web.working_dir=${cwd}`];
      const parent = new CircusParent(t, adapted(t, file, port), settings);
      assert.equal((await parent.socket('web')).port, port);
      await walk(port, [{ path: '/', answer }]);
      const running = () => (parent.output.match(/Serving on/g)?.length === workers ? true : undefined);
      await eventually(`${workers} workers`, running);
      assert.deepEqual(await parent.quit(), Array(workers).fill(0), parent.output);
      assert.match(parent.output, /Using native as a backend/);
    });
  }

  const supervisor = [
    { file: join(directory, 'supervisord.conf'), cwd: root, workers: 3, answer: 'Hello, World!\n' },
    {
      file: join(original, 'supervisord.conf'),
      cwd: original,
      workers: 2,
      answer: 'Hello from server.app\n',
    },
  ];
  for (const { file, cwd, workers, answer } of supervisor) {
    const name = file.slice(root.length);
    test(`${name} runs under Supervisor`, { skip: missing('supervisord') }, async (t) => {
      const port = await freePort();
      const program = programOf(readFileSync(adapted(t, file, port), 'utf8'), cwd);
      const parent = new Supervisor(t, temporaryDirectory(t), program);
      await parent.started(workers);
      await walk(port, [{ path: '/', answer }]);
      await parent.stop();
    });
  }

  test('chaussette.socket and .service', { skip: missing('systemd-socket-activate') }, async (t) => {
    const socket = readFileSync(join(directory, 'chaussette.socket'), 'utf8');
    const service = readFileSync(join(directory, 'chaussette.service'), 'utf8');
    const port = await freePort();
    const address = /^ListenStream=(.+)$/m.exec(socket)?.[1]?.replace(/:\d+$/, `:${port}`) ?? '';
    const name = /^FileDescriptorName=(.+)$/m.exec(socket)?.[1] ?? '';
    const command = /^ExecStart=\/usr\/bin\/env chaussette (.+)$/m.exec(service)?.[1]?.split(' ') ?? [];
    const args = ['--listen', address, `--fdname=${name}`, node, script, ...command];
    const running = new Running(t, 'systemd-socket-activate', args);
    await listening(running, port);
    await walk(port, [hello]);
    assert.equal(await running.stop(), '0', running.output);
  });
});

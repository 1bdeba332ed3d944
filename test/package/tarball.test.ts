import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { cleanEnvironment, eventually, Running, root } from '../helpers/processes.js';

// What is published, as a user has it: packed here, installed into an empty project without scripts, and used.

const directory = mkdtempSync(join(tmpdir(), 'chaussette-tarball-'));
const project = join(directory, 'project');
const installed = join(project, 'node_modules/chaussette-server');
let tarball = '';
let packed: readonly string[] = [];

before(() => {
  const prebuild = spawnSync(process.execPath, [join(root, 'scripts/prebuild.js'), '--built'], {
    encoding: 'utf8',
  });
  assert.equal(prebuild.status, 0, prebuild.stderr);
  // dist/ is up to date, the runner has seen to that: `prepare` would build it under the feet of other tests.
  const pack = npm(root, 'pack', '--ignore-scripts', '--json', '--pack-destination', directory);
  const [{ filename, files }] = JSON.parse(pack) as [{ filename: string; files: { path: string }[] }];
  tarball = join(directory, filename);
  packed = files.map(({ path }) => path).sort();
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "private": true }\n');
  npm(project, 'install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', tarball);
});
after(() => rmSync(directory, { recursive: true }));

function npm(cwd: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('npm', args, {
    cwd,
    encoding: 'utf8',
    env: cleanEnvironment(),
  });
  assert.equal(status, 0, `npm ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** Run a program in the project that prints one line. */
function printed(name: string, text: string, args: readonly string[] = []): string {
  writeFileSync(join(project, name), text);
  const child = spawnSync(process.execPath, [...args, name], {
    cwd: project,
    encoding: 'utf8',
    env: cleanEnvironment(),
    timeout: 60_000,
  });
  assert.equal(child.stderr, '');
  return child.stdout.trim();
}

test('the tarball holds the program, its types, the sources of the core, and nothing else', () => {
  const others = packed.filter((path) => !/^(dist|native|prebuilds)\//.test(path));
  assert.deepEqual(others, [
    'CHANGELOG.md',
    'CMakeLists.txt',
    'LICENSE',
    'README.md',
    'bin/chaussette.js',
    'binding.gyp',
    'docs/config.schema.json',
    'package.json',
    'scripts/install.js',
    'scripts/node-gyp.js',
  ]);
  const inDist = packed.filter((path) => path.startsWith('dist/') && !/\.d\.c?ts$/.test(path));
  assert.deepEqual(
    inDist.filter((path) => !/^dist\/chunks\/[\w-]+\.js$/.test(path)),
    [
      'dist/cli.js',
      'dist/index.cjs',
      'dist/index.js',
      'dist/interfaces/wsgi-validate.cjs',
      'dist/interfaces/wsgi-validate.js',
      'dist/preload/register.cjs',
      'dist/threads/thread.js',
    ],
  );
  const sources = readdirSync(join(root, 'native'), { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(cc|h|txt)$/.test(path))
    .map((path) => `native/${path}`);
  assert.deepEqual(
    packed.filter((path) => path.startsWith('native/')),
    sources.sort(),
  );
  const prebuilt = packed.filter((path) => path.startsWith('prebuilds/'));
  assert.ok(prebuilt.includes(`prebuilds/linux-${process.arch}/chaussette-server.glibc.node`));
  for (const path of prebuilt)
    assert.match(path, /^prebuilds\/linux-(x64|arm64)\/chaussette-server\.glibc\.node$/);
});

test('everything that package.json names is in the tarball', () => {
  const named: string[] = [];
  const collect = (value: unknown): void => {
    if (typeof value === 'string') named.push(value.replace(/^\.\//, ''));
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(collect);
  };
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, unknown>;
  for (const field of ['main', 'types', 'bin', 'exports', 'typesVersions']) collect(manifest[field]);
  assert.ok(named.length > 10);
  assert.deepEqual(
    named.filter((path) => !packed.includes(path)),
    [],
  );
  for (const path of manifest['files'] as string[]) {
    assert.ok(
      packed.some((file) => file === path || file.startsWith(`${path}/`)),
      `${path} is in "files"`,
    );
  }
});

describe('installed into an empty project with --ignore-scripts', () => {
  test('nothing was built', () => {
    assert.ok(existsSync(join(installed, 'prebuilds')));
    assert.ok(!existsSync(join(installed, 'build')));
  });

  test('the command serves on native', async (t) => {
    writeFileSync(
      join(project, 'hello.mjs'),
      "export const app = (req, res) => res.end('hello from the tarball');\n",
    );
    const command = join(project, 'node_modules/.bin/chaussette');
    const socket = join(directory, 'hello.sock');
    const args = ['--backend', 'native', '--bind', `unix:${socket}`, 'hello.mjs:app'];
    const server = new Running(t, command, args, { cwd: project });
    await eventually(
      'the server says that it serves',
      () => /Using native/.test(server.output) || undefined,
    ).catch((error: unknown) => assert.fail(`${String(error)}\n${server.output}`));
    const answer = spawnSync('curl', ['-s', '--unix-socket', socket, 'http://localhost/'], {
      encoding: 'utf8',
    });
    assert.equal(answer.stdout, 'hello from the tarball');
    assert.equal(await server.stop(), '0');
  });

  const ask = `
    server.listen(0, '127.0.0.1', async () => {
      const response = await fetch('http://127.0.0.1:' + server.address().port);
      console.log(await response.text(), server._handle?.constructor.name === 'TCP' ? 'on node' : 'on native');
      server.close();
      server.closeAllConnections();
    });`;

  test('import gives a server on native', () => {
    const text = `import { createServer } from 'chaussette-server';
      const server = createServer((req, res) => res.end('imported'));${ask}`;
    assert.equal(printed('import.mjs', text), 'imported on native');
  });

  test('require gives a server on native, and the same module as import', () => {
    const text = `const chaussette = require('chaussette-server');
      const server = chaussette.createServer((req, res) =>
        import('chaussette-server').then((same) => res.end('required ' + (same.createServer === chaussette.createServer))));${ask}`;
    assert.equal(printed('require.cjs', text), 'required true on native');
  });

  for (const flag of ['--import', '--require']) {
    test(`node ${flag} chaussette-server/register puts http.createServer on native`, () => {
      const text = `const http = require('node:http');
        const server = http.createServer((req, res) => res.end('registered'));${ask}`;
      const args = [flag, 'chaussette-server/register'];
      assert.equal(printed('program.cjs', text, args), 'registered on native');
    });
  }
});

describe('types', () => {
  const program = `import { createServer, serve, type Exchange, ChaussetteError } from 'chaussette-server';
import { validator } from 'chaussette-server/wsgi-validate';
import 'chaussette-server/register';
export const server = createServer((req, res) => { res.end(req.url); });
export async function start(): Promise<number> {
  const running = await serve({ app: 'hello:app', bind: ['127.0.0.1:0'], backend: 'native' });
  await running.close({ drainMs: 0 });
  return new ChaussetteError('CHAUSSETTE_ERR_INTERNAL', 'x').message.length;
}
export const methodOf = (exchange: Exchange): string => exchange.method;
export const checked = validator((environ, startResponse) => {
  startResponse('200 OK', []);
  return [String(environ['PATH_INFO'])];
});
// @ts-expect-error: the types are there, so a mistake is one.
createServer(42);
`;
  for (const [name, file, module] of [
    ['an ESM project', 'typed.mts', 'NodeNext'],
    ['a CommonJS project', 'typed.cts', 'NodeNext'],
    ['a CommonJS project of older settings', 'typed.cts', 'Node16'],
  ] as const) {
    test(`check in ${name} (${module}), the declarations themselves too`, () => {
      writeFileSync(join(project, file), program);
      const types = join(project, 'node_modules/@types');
      if (!existsSync(types)) symlinkSync(join(root, 'node_modules/@types'), types);
      const flags = ['--module', module, '--target', 'es2022', '--types', 'node', '--noEmit', '--strict'];
      const args = [join(root, 'node_modules/typescript/bin/tsc'), ...flags, file];
      const { status, stdout } = spawnSync(process.execPath, args, { cwd: project, encoding: 'utf8' });
      assert.equal(stdout, '');
      assert.equal(status, 0);
    });
  }

  test('attw finds no problem, in any kind of resolution', async () => {
    const analysis = await checkPackage(createPackageFromTarballData(readFileSync(tarball)));
    assert.ok(analysis.types);
    assert.deepEqual(analysis.problems, []);
  });

  test('publint finds nothing to say', async () => {
    const pkg = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, unknown>;
    const { messages } = await publint({ pkgDir: installed, pack: false, strict: true });
    assert.deepEqual(
      messages.map((message) => formatMessage(message, pkg)),
      [],
    );
  });
});

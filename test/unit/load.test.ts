import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { loadApplication } from '../../lib/app/load.js';
import { parseSpec } from '../../lib/app/spec.js';
import { ChaussetteError, type ErrorCode } from '../../lib/errors.js';

const argv = [...process.argv];
const cwd = realpathSync(mkdtempSync(join(tmpdir(), 'chaussette-load-')));
after(() => {
  process.argv.splice(0, Number.POSITIVE_INFINITY, ...argv);
  rmSync(cwd, { recursive: true });
});

function file(path: string, text: string): void {
  const full = join(cwd, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, text);
}

file('server.mjs', "export const app = 'server app'; export const other = { deep: 'deep' };");
file('blog/index.js', "exports.application = 'blog index';");
file(
  'blog/admin.ts',
  "const name: string = 'admin'; export const handler: string = name; export default 'no';",
);
file('plain.cjs', "module.exports = function plain() { return 'plain'; };");
file('members.cjs', "const all = { app: 'member' }; module.exports = Object.assign({}, all);");
file(
  'factory.mjs',
  `export const make = async () => 'made'; export const nothing = () => undefined;
  export const text = 'x'; export function bad() { throw new RangeError('no luck'); }`,
);
file('throws.mjs', "import './missing-part.mjs'; export const app = 1;");
file('early.mjs', "throw new TypeError('broken at load');");
file('empty.cjs', "require('node:path');");
file('argv.mjs', 'export const app = process.argv.slice(1);');
file('v1.2.mjs', "export const app = 'dots in the name';");
file(
  'mixed.ts',
  "import { part } from './part.js'; enum E { A = 'compiled' } export const app = part + E.A;",
);
file('part.ts', "export const part: string = 'part ';");
file('elsewhere/extra.mjs', "export const app = 'from the module path';");
file(
  'node_modules/@scope/pack/package.json',
  '{"name":"@scope/pack","type":"module","exports":{".":{"import":"./main.js"}}}',
);
file('node_modules/@scope/pack/main.js', "export default 'scoped package';");
file('node_modules/simple/package.json', '{"name":"simple","main":"main.js"}');
file(
  'node_modules/simple/main.js',
  "exports.app = 'simple package'; exports.sub = { app: 'sub of simple' };",
);
file('node_modules/server/package.json', '{"name":"server"}');
file('node_modules/server/index.js', "exports.app = 'the package server';");
file(
  'class.mjs',
  'export class Box { constructor() { this.value = 7; } get() { return this.value; } } export const box = new Box();',
);

function load(spec: string | undefined, more: { modulePaths?: string[]; arguments?: string[] } = {}) {
  return loadApplication(spec, { cwd, modulePaths: [], ...more });
}

describe('import strings', () => {
  const found: readonly (readonly [string, unknown, string])[] = [
    ['server.app', 'server app', 'server.mjs:app'],
    ['server:app', 'server app', 'server.mjs:app'],
    ['server', 'server app', 'server.mjs:app'],
    ['./server.mjs', 'server app', 'server.mjs:app'],
    ['server.mjs', 'server app', 'server.mjs:app'],
    ['./server.mjs:other.deep', 'deep', 'server.mjs:other.deep'],
    ['server.other.deep', 'deep', 'server.mjs:other.deep'],
    ['blog', 'blog index', 'blog/index.js:application'],
    ['blog.application', 'blog index', 'blog/index.js:application'],
    ['blog.admin', 'admin', 'blog/admin.ts:handler'],
    ['blog.admin:handler', 'admin', 'blog/admin.ts:handler'],
    ['blog.admin.default', 'no', 'blog/admin.ts:default'],
    ['blog/admin:default', 'no', 'blog/admin.ts:default'],
    ['members', 'member', 'members.cjs:app'],
    ['factory:make()', 'made', 'factory.mjs:make()'],
    ['factory.make()', 'made', 'factory.mjs:make()'],
    ['./v1.2.mjs', 'dots in the name', 'v1.2.mjs:app'],
    ['./mixed.ts', 'part compiled', 'mixed.ts:app'],
    ['@scope/pack', 'scoped package', 'node_modules/@scope/pack/main.js:default'],
    ['simple.sub.app', 'sub of simple', 'node_modules/simple/main.js:sub.app'],
  ];
  for (const [spec, value, description] of found) {
    test(`${spec} is ${description}`, async () => {
      assert.deepEqual(await load(spec), { application: value, description });
    });
  }

  test('module.exports itself is the application', async () => {
    const { application, description } = await load('plain');
    assert.equal((application as () => string)(), 'plain');
    assert.equal(description, 'plain.cjs:default');
  });

  test('a method keeps its object', async () => {
    const { application } = await load('class:box.get');
    assert.equal((application as () => number)(), 7);
  });

  test('the module path is searched after the working directory', async () => {
    const modulePaths = ['elsewhere'];
    assert.equal((await load('extra', { modulePaths })).application, 'from the module path');
    assert.equal((await load('server', { modulePaths })).application, 'server app');
  });

  test('the application sees its arguments as a program of its own would', async () => {
    const { application } = await load('argv', { arguments: ['--verbose', 'x'] });
    assert.deepEqual(application, [join(cwd, 'argv.mjs'), '--verbose', 'x']);
  });

  test('without one, the built-in hello application', async () => {
    const { application, description } = await load(undefined);
    assert.equal(typeof (application as { fetch: unknown }).fetch, 'function');
    assert.equal(description, 'hello (built in)');
  });

  test('the longest module wins', () => {
    const [first, ...rest] = parseSpec('a.b.c').candidates;
    assert.deepEqual(first, { module: 'a.b.c', attribute: [] });
    assert.deepEqual(rest.at(-1), { module: 'a', attribute: ['b', 'c'] });
  });
});

describe('what goes wrong is told apart', () => {
  async function failure(spec: string): Promise<ChaussetteError> {
    try {
      await load(spec);
    } catch (error) {
      assert.ok(error instanceof ChaussetteError, String(error));
      return error;
    }
    throw new assert.AssertionError({ message: `${spec} was loaded` });
  }

  const cases: readonly (readonly [string, ErrorCode, RegExp])[] = [
    [
      'nowhere.app',
      'CHAUSSETTE_ERR_APP_NOT_FOUND',
      /"nowhere\.app"; tried .*nowhere\/app.*nowhere\{\.ts.*package nowhere/,
    ],
    ['./nowhere.js', 'CHAUSSETTE_ERR_APP_NOT_FOUND', /"\.\/nowhere\.js"; tried nowhere\.js/],
    ['early', 'CHAUSSETTE_ERR_APP_THREW', /early\.mjs threw while it was loaded: TypeError: broken at load/],
    ['throws', 'CHAUSSETTE_ERR_APP_THREW', /throws\.mjs threw .*missing-part/],
    [
      'server:missing',
      'CHAUSSETTE_ERR_APP_NO_EXPORT',
      /server\.mjs has no export "missing"; there is app, other/,
    ],
    [
      'server:other.shallow',
      'CHAUSSETTE_ERR_APP_NO_EXPORT',
      /server\.mjs:other has no member "shallow"; there is deep/,
    ],
    [
      'factory',
      'CHAUSSETTE_ERR_APP_NO_EXPORT',
      /no export app, application, handler or default; there is bad, make/,
    ],
    ['empty', 'CHAUSSETTE_ERR_APP_NO_EXPORT', /empty\.cjs has no export/],
    [
      'factory:text()',
      'CHAUSSETTE_ERR_APP_INVALID',
      /factory\.mjs:text cannot be called: it is of type string/,
    ],
    ['factory:nothing()', 'CHAUSSETTE_ERR_APP_INVALID', /nothing\(\) returned undefined/],
    [
      'factory:bad()',
      'CHAUSSETTE_ERR_APP_THREW',
      /the factory factory\.mjs:bad\(\) threw: RangeError: no luck/,
    ],
    ['', 'CHAUSSETTE_ERR_USAGE', /"" does not name an application/],
    [':app', 'CHAUSSETTE_ERR_USAGE', /no module before the colon/],
    ['server:a b', 'CHAUSSETTE_ERR_USAGE', /"a b" is not the name of an export/],
  ];
  for (const [spec, code, message] of cases) {
    test(`${JSON.stringify(spec)}: ${code}`, async () => {
      const error = await failure(spec);
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
    });
  }

  test('the error of the application keeps its own stack', async () => {
    const { cause } = await failure('early');
    assert.ok(cause instanceof TypeError);
    assert.match(cause.stack ?? '', /early\.mjs/);
  });
});

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { test } from 'node:test';
import { root } from '../helpers/processes.js';

// The arrows of docs/architecture.md. A rule that fails names the file, the line and the rule.

interface Source {
  /** From the root of the package: `lib/backends/http.ts`. */
  readonly path: string;
  readonly lines: readonly string[];
}

const fileLinesMax = 400;

function sources(directory: string, pattern: RegExp): Source[] {
  return readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' })
    .filter((name) => pattern.test(name))
    .map((name) => posix.join(directory, name))
    .sort()
    .map((path) => ({ path, lines: readFileSync(join(root, path), 'utf8').split('\n') }));
}

const typescript = sources('lib', /\.ts$/);
const cplusplus = sources('native', /\.(h|cc)$/);

/** The lines that match, as `path:line: text`. */
function matches(files: readonly Source[], pattern: RegExp): string[] {
  return files.flatMap(({ path, lines }) =>
    lines.flatMap((line, at) => (pattern.test(line) ? [`${path}:${at + 1}: ${line.trim()}`] : [])),
  );
}

/** The files of this package that a file imports, from the root: `lib/errors.ts`. */
function imports({ path, lines }: Source): { readonly target: string; readonly at: string }[] {
  const found: { target: string; at: string }[] = [];
  lines.forEach((line, index) => {
    const pattern = /(?:from\s+|import\s*\(\s*|import\s+|require\(\s*)['"](\.{1,2}\/[^'"]+)['"]/g;
    for (const match of line.matchAll(pattern)) {
      const target = posix.join(dirname(path), match[1] ?? '').replace(/\.js$/, '.ts');
      found.push({ target, at: `${path}:${index + 1}: ${line.trim()}` });
    }
  });
  return found;
}

/** What the files under `from` import, unless it matches `allowed`. */
function strays(from: RegExp, allowed: RegExp): string[] {
  return typescript
    .filter(({ path }) => from.test(path))
    .flatMap(imports)
    .filter(({ target }) => !allowed.test(target))
    .map(({ at }) => at);
}

function without(files: readonly Source[], pattern: RegExp): Source[] {
  return files.filter(({ path }) => !pattern.test(path));
}

test('interfaces/ know exchange and errors, and no backend', () => {
  const stray = strays(/^lib\/interfaces\//, /^lib\/(interfaces\/.+|exchange\.ts|errors\.ts)$/);
  assert.deepEqual(stray, [], 'lib/interfaces may import lib/exchange.ts, lib/errors.ts and its own files');
});

test('backends/ know exchange, errors and their own native half, and no interface', () => {
  const allowed =
    /^lib\/(backends\/.+|native\/.+|tls\/settings\.ts|proxies\/(ends|header|networks|peers)\.ts|exchange\.ts|errors\.ts)$/;
  const stray = strays(/^lib\/backends\//, allowed);
  assert.deepEqual(
    stray,
    [],
    'lib/backends may import exchange, errors, TLS settings, the PROXY protocol, lib/native and its own files',
  );
});

test('native/ knows no interface, no socket and nothing of the command', () => {
  const stray = strays(
    /^lib\/native\//,
    /^lib\/(native\/.+|backends\/backend\.ts|tls\/settings\.ts|proxies\/(ends|networks)\.ts|exchange\.ts|errors\.ts)$/,
  );
  assert.deepEqual(
    stray,
    [],
    'lib/native may import exchange, errors, the Backend type, TLS settings, the PROXY protocol and its own files',
  );
});

test('proxies/ knows exchange and errors, and no backend or interface', () => {
  const stray = strays(/^lib\/proxies\//, /^lib\/(proxies\/.+|exchange\.ts|errors\.ts|options\.ts)$/);
  assert.deepEqual(stray, []);
});

test('exchange.ts and errors.ts import nothing of ours', () => {
  assert.deepEqual(strays(/^lib\/(exchange|errors)\.ts$/, /^$/), []);
});

test('nothing but the command imports cli.ts', () => {
  const found = typescript.flatMap(imports).filter(({ target }) => target === 'lib/cli.ts');
  assert.deepEqual(found, []);
});

test('only lib/native/binding.ts loads the addon', () => {
  const loads = /node-gyp-build|\.node['"`]|process\.dlopen/;
  assert.deepEqual(matches(without(typescript, /^lib\/native\/binding\.ts$/), loads), []);
});

test('only the boundary includes napi.h: addon.cc, *_wrap and *_export', () => {
  const boundary = /^native\/(addon|[a-z_]+_(wrap|export))\.(h|cc)$/;
  const found = matches(
    without(cplusplus, boundary),
    /#include\s*[<"](napi|node_api|js_native_api|node|v8)[.h_-]/,
  );
  assert.deepEqual(found, []);
});

test('only tls_context.cc and tls_transport.cc include openssl', () => {
  const found = matches(without(cplusplus, /\/tls_(context|transport)\.cc$/), /#include\s*[<"]openssl\//);
  assert.deepEqual(found, []);
});

test('only cli.ts ends the process', () => {
  const ends = /process\s*\.\s*(exit|abort|reallyExit)\b(?!Code)/;
  assert.deepEqual(matches(without(typescript, /^lib\/cli\.ts$/), ends), []);
  assert.deepEqual(matches(cplusplus, /(^|[^\w.>])_?exit\(|(^|[^\w.>])quick_exit\(/), []);
});

test(`every file of lib/ and native/ is shorter than ${fileLinesMax} lines`, () => {
  const long = [...typescript, ...cplusplus].filter(({ lines }) => lines.length > fileLinesMax);
  assert.deepEqual(
    long.map(({ path, lines }) => `${path}: ${lines.length - 1} lines; split it by the job it does`),
    [],
  );
});

test('native/sources.txt names every .cc file, and no other', () => {
  const listed = readFileSync(join(root, 'native/sources.txt'), 'utf8').trim().split('\n').sort();
  const there = cplusplus.map(({ path }) => path).filter((path) => path.endsWith('.cc'));
  assert.deepEqual(listed, there);
});

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { parseCommand, readOptions } from '../../lib/config.js';
import { plainJson } from '../../lib/config-file.js';
import { ChaussetteError } from '../../lib/errors.js';
import { temporaryDirectory } from '../helpers/processes.js';

function configFile(t: TestContext, text: string): string {
  const path = join(temporaryDirectory(t), 'chaussette.json');
  writeFileSync(path, text);
  return path;
}

function isUsage(pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ChaussetteError);
    assert.equal(error.code, 'CHAUSSETTE_ERR_USAGE');
    assert.match(error.message, pattern);
    return true;
  };
}

describe('the command line', () => {
  test('defaults', async () => {
    const { options, application, arguments: rest } = await parseCommand([], {});
    assert.equal(application, undefined);
    assert.deepEqual(rest, []);
    assert.equal(options.host, undefined);
    assert.equal(options.backlog, 2048);
    assert.equal(options.gracefulTimeout, 30);
    assert.equal(options.writeTimeout, 60);
    assert.equal(options.interface, 'auto');
    assert.deepEqual(options.bind, []);
  });

  test('options may stand before and behind the application, as in the original', async () => {
    const line = ['--fd', '3', 'server.app', 'one', '--backend=meinheld', '--', '--two'];
    const command = await parseCommand(line, {});
    assert.equal(command.application, 'server.app');
    assert.deepEqual(command.arguments, ['one', '--two']);
    assert.equal(command.options.fd, 3);
    assert.equal(command.options.backend, 'meinheld');
  });

  test('values of every kind', async () => {
    const line =
      '--max-body 10m --max-head 64k --umask 0022 --keep-alive 0.5 --write-timeout 1.5 --no-monkey --bind a:1 --bind b:2';
    const { options } = await parseCommand(
      [...line.split(' '), '--python-path', '/a:/b', '--log-level', 'INFO'],
      {},
    );
    assert.equal(options.maxBody, 10 * 1024 * 1024);
    assert.equal(options.maxHead, 65_536);
    assert.equal(options.umask, 0o22);
    assert.equal(options.keepAlive, 0.5);
    assert.equal(options.writeTimeout, 1.5);
    assert.equal(options.noMonkey, true);
    assert.deepEqual(options.bind, ['a:1', 'b:2']);
    assert.deepEqual(options.modulePath, ['/a', '/b']);
    assert.equal(options.logLevel, 'info');
  });

  test('the last one of an option counts', async () => {
    assert.equal((await parseCommand(['--port', '1', '--port', '2'], {})).options.port, 2);
  });

  test('--port beside --fd is let pass, as in the original', async () => {
    assert.equal((await parseCommand(['--fd', '3', '--port', '80'], {})).options.fd, 3);
    await assert.rejects(
      parseCommand(['--bind', 'a:1', '--port', '80'], {}),
      isUsage(/--port and --bind both/),
    );
  });
});

describe('sources', () => {
  test('flags before the environment before the file before the default', async (t) => {
    const file = configFile(t, '{ "port": 1, "backlog": 1, "graceful_timeout": 1, "keepAlive": 1 }');
    const env = { CHAUSSETTE_PORT: '2', CHAUSSETTE_BACKLOG: '2', CHAUSSETTE_CONFIG: file };
    const { options } = await parseCommand(['--port', '3'], env);
    assert.equal(options.port, 3);
    assert.equal(options.backlog, 2);
    assert.equal(options.gracefulTimeout, 1);
    assert.equal(options.keepAlive, 1);
    assert.equal(options.headerTimeout, 60);
  });

  test('a stronger source that says where to serve replaces what a weaker one says', async (t) => {
    const binds = configFile(t, '{ "bind": ["a:1", "b:2"] }');
    assert.deepEqual((await parseCommand(['--config', binds, '--fd', '3'], {})).options.bind, []);
    assert.deepEqual((await parseCommand(['--config', binds, '--port', '3'], {})).options.bind, []);
    const host = configFile(t, '{ "host": "0.0.0.0", "port": 80 }');
    const { options } = await parseCommand(['--config', host, '--port', '81'], {});
    assert.deepEqual([options.host, options.port], ['0.0.0.0', 81]);
    assert.equal(
      (await parseCommand(['--config', host], { CHAUSSETTE_BIND: 'a:1' })).options.host,
      undefined,
    );
  });

  test('an empty variable is none; a wrong one is named', async () => {
    assert.equal((await parseCommand([], { CHAUSSETTE_PORT: '' })).options.port, undefined);
    await assert.rejects(parseCommand([], { CHAUSSETTE_PORT: 'x' }), isUsage(/^CHAUSSETTE_PORT is "x"/));
  });

  test('the file may name the application', async (t) => {
    const file = configFile(t, '{ "application": "server:app", "arguments": ["a", 1], "bind": "a:1" }');
    const command = await parseCommand(['--config', file], {});
    assert.equal(command.application, 'server:app');
    assert.deepEqual(command.arguments, ['a', '1']);
    assert.equal((await parseCommand(['--config', file, 'other'], {})).application, 'other');
  });

  test('a module in TypeScript or JavaScript exports the options by default', async (t) => {
    const directory = temporaryDirectory(t);
    const files = {
      'config.ts': 'const port: number = 1; export default { port, bind: undefined, unixMode: 0o640 };',
      'config.mjs': 'export default { port: 1, unix_mode: "640" };',
      'config.cjs': 'module.exports = { port: 1, "unix-mode": 0o640 };',
      'config.cts': 'const port: number = 1; export = { port, unixMode: 0o640 };',
    };
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(directory, name), text);
      const { options } = await parseCommand(['--config', join(directory, name)], {});
      assert.deepEqual([options.port, options.unixMode, options.bind], [1, 0o640, []], name);
    }
    const mistakes = [
      ['throws.mjs', 'throw new Error("not today");', /throws\.mjs threw while it was loaded: not today/],
      ['none.mjs', 'export const port = 1;', /none\.mjs must export one object/],
      ['unknown.mjs', 'export default { prot: 1 };', /unknown option prot in .*did you mean port/],
    ] as const;
    for (const [name, text, pattern] of mistakes) {
      writeFileSync(join(directory, name), text);
      await assert.rejects(parseCommand(['--config', join(directory, name)], {}), isUsage(pattern));
    }
  });

  test('mistakes in the file name file and key', async (t) => {
    const cases: readonly [string, RegExp][] = [
      ['{ "prot": 1 }', /^unknown option prot in .*chaussette\.json: did you mean port\?$/],
      ['{ "port": "x" }', /^port in .*chaussette\.json is "x"/],
      ['{ "port": {} }', /^port in .* must be text/],
      ['{ "port": ', /chaussette\.json is not JSON/],
      ['[]', /must hold one object/],
      ['{ "check": true }', /^unknown option check/],
    ];
    for (const [text, pattern] of cases) {
      await assert.rejects(parseCommand(['--config', configFile(t, text)], {}), isUsage(pattern));
    }
  });
});

test('comments and trailing commas are taken out of JSON, not out of strings', () => {
  const text = `// first
  { "a": "// no, /* no */ ,]", /* over
  lines */ "b": [1, 2, /* last */ ],
  "c": "\\"//", // end
  }`;
  assert.deepEqual(JSON.parse(plainJson(text)), { a: '// no, /* no */ ,]', b: [1, 2], c: '"//' });
});

test('serve() options are checked like flags', () => {
  const options = readOptions({ bind: ['fd://3'], unixMode: 0o660, port: undefined, keepAlive: 1 });
  assert.deepEqual(options.bind, ['fd://3']);
  assert.equal(options.unixMode, 0o660);
  assert.throws(() => readOptions({ bnid: [] }), isUsage(/^unknown option bnid: did you mean bind\?$/));
  assert.throws(() => readOptions({ backlog: -1 }), isUsage(/^backlog is "-1"/));
});

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { loadPaste, pasteServerSettings } from '../../lib/app/paste.js';
import { pasteUri } from '../../lib/app/spec.js';
import { parseCommand } from '../../lib/config.js';
import { ChaussetteError, type ErrorCode } from '../../lib/errors.js';

const cwd = realpathSync(mkdtempSync(join(tmpdir(), 'chaussette-paste-')));
after(() => rmSync(cwd, { recursive: true }));

function file(path: string, text: string): void {
  const full = join(cwd, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, text);
}

/** What a factory was given, in the order of the calls. */
type Calls = readonly (readonly [kind: string, globals: object, local: object])[];

file(
  'conf.mjs',
  `export const app = (g, l) => () => [['app', g, l]];
  export const filter = (g, l) => (next) => () => [['filter', g, l], ...next()];
  export const around = (next, g, l) => () => [['around', g, l], ...next()];
  export const both = async (loader, g, l) => {
    const inner = await loader.getApp(l.of);
    return (await loader.getFilter('f1'))(inner);
  };
  export const text = 'text';
  export const number = () => 1;
  export const broken = () => { throw new RangeError('no luck'); };
  export const noFilter = () => 'none';
  export const node = () => (req, res) => res.end();
  export const fetch = () => ({ fetch: () => new Response('') });`,
);
file('node_modules/pack/package.json', '{"name":"pack","type":"module","exports":"./index.js"}');
file('node_modules/pack/index.js', "export { app as main, filter as other } from '../../conf.mjs';");
file('node_modules/plain/package.json', '{"name":"plain","type":"module","exports":"./index.js"}');
file('node_modules/plain/index.js', 'export const nothing = 1;');

async function load(
  name: string | undefined,
  wanted: 'auto' | 'wsgi' = 'wsgi',
  path = 'main.ini',
): Promise<Calls> {
  const { application } = await loadPaste({ file: path, name }, wanted, { cwd, modulePaths: [] });
  return (application.call as unknown as () => Calls)();
}

file(
  'main.ini',
  `# The expectations below are what PasteDeploy 3.0.1 gives for the same file.
[DEFAULT]
def1 = a
def2 = b
basepath = %(here)s

[app:test1]
use = call:./conf.mjs:app
setting1 = foo
apppath = %(basepath)s/app
Key With Space: colon value
percent = 100%%
multi = one
   two

   three
; a comment
   four

[app:test2]
use = test1
set def1 = test2
setting1 = x%(setting9)s
setting9 = nine

[app:test3]
use = test2
set def1 = test3
another = TEST
foo2 = %(def2)s
get local conf = def1

[app:foreign]
use = config:sub/two.ini#named
set def1 = override
glob = over
setting = from one

[pipeline:pipe]
pipeline = f1 f2 plain
[app:piped]
use = pipe
[app:plain]
use = call:./conf.mjs:app
[filter:f1]
use = call:./conf.mjs:filter
a = 1
[filter:f2]
use = f1
set def2 = inner
a = 2
filter-with = f3
[filter:f3]
use = call:./conf.mjs:filter
a = 3
[app:filtered]
use = plain
filter-with = f2
[filter-app:guard]
use = f1
next = plain
a = guard
[app:packaged]
use = npm:pack
[pipeline:direct]
pipeline = egg:Pack#other npm:pack#main
[composite:both]
use = call:./conf.mjs:both
of = plain
[app:explicit]
paste.app_factory = ./conf.mjs:app
[app:around]
use = plain
filter-with = wrapper
[filter:wrapper]
paste.filter_app_factory = ./conf.mjs:around
w = 1
[app:required]
use = plain
require = pack
own = 1
def2 = own
`,
);
file(
  'sub/two.ini',
  `[DEFAULT]
def2 = from include
def3 = c
[app:named]
use = call:../conf.mjs:app
glob = inner
inner = %(def2)s %(def1)s %(here)s
[server:main]
use = egg:chaussette
port = 1234
host = 10.0.0.1
`,
);

describe('configuration', () => {
  const here = { here: cwd, __file__: join(cwd, 'main.ini'), basepath: cwd };
  const globals = { ...here, def1: 'a', def2: 'b' };
  const inner = { ...globals, def2: 'inner' };
  const local1 = {
    setting1: 'foo',
    apppath: `${cwd}/app`,
    'Key With Space': 'colon value',
    percent: '100%',
    multi: 'one\ntwo\n\nthree\nfour',
  };
  const local2 = { ...local1, setting1: 'xnine', setting9: 'nine' };
  const plain = ['app', globals, {}] as const;
  const f1 = ['filter', globals, { a: '1' }] as const;
  const cases: readonly (readonly [string, string, Calls])[] = [
    ['interpolation, long values, comments', 'test1', [['app', globals, local1]]],
    ['use of another section, and set', 'test2', [['app', { ...globals, def1: 'test2' }, local2]]],
    [
      'the outer set wins, and get sees it',
      'test3',
      [
        [
          'app',
          { ...globals, def1: 'test3' },
          { ...local2, another: 'TEST', foo2: 'b', 'local conf': 'test3' },
        ],
      ],
    ],
    [
      'another file',
      'foreign',
      [
        [
          'app',
          { ...globals, def1: 'override', def3: 'c' },
          { glob: 'over', setting: 'from one', inner: `from include override ${cwd}/sub` },
        ],
      ],
    ],
    [
      'a pipeline, and a filter with a filter',
      'piped',
      [f1, ['filter', inner, { a: '3' }], ['filter', inner, { a: '2' }], plain],
    ],
    ['filter-with', 'filtered', [['filter', inner, { a: '3' }], ['filter', inner, { a: '2' }], plain]],
    ['filter-app', 'guard', [['filter', globals, { a: 'guard' }], plain]],
    ['a package', 'packaged', [plain]],
    ['a composite factory', 'both', [f1, plain]],
    ['an explicit factory', 'explicit', [plain]],
    ['a filter-app factory', 'around', [['around', globals, { w: '1' }], plain]],
    // PasteDeploy drops a key that [DEFAULT] has as well, without a word.
    ['a key of its own that is in DEFAULT, too', 'required', [['app', globals, { own: '1', def2: 'own' }]]],
  ];
  for (const [name, section, calls] of cases) {
    test(name, async () => assert.deepEqual(await load(section), calls));
  }

  test('egg: is read as npm:', async () => {
    mkdirSync(join(cwd, 'node_modules/Pack'), { recursive: true });
    file('node_modules/Pack/package.json', '{"name":"Pack","type":"module","exports":"./index.js"}');
    file('node_modules/Pack/index.js', "export { app as main, filter as other } from '../../conf.mjs';");
    assert.deepEqual(await load('direct'), [['filter', globals, {}], plain]);
  });

  test('import strings', () => {
    assert.deepEqual(pasteUri('paste:a/b.ini'), { file: 'a/b.ini', name: undefined });
    assert.deepEqual(pasteUri('wsgi:paste:a.ini#x'), { file: 'a.ini', name: 'x' });
    assert.equal(pasteUri('pastebin:app'), undefined);
    assert.equal(pasteUri(undefined), undefined);
  });
});

describe('mistakes name file, section and key', () => {
  const call = 'use = call:./conf.mjs';
  const mistakes: readonly (readonly [string, string, RegExp])[] = [
    [
      'no such file in config:',
      '[app:main]\nuse = config:none.ini',
      /^x\.ini:2 \[app:main\] use: none\.ini: it cannot be read/,
    ],
    ['a line before the first section', 'a = b', /^x\.ini:1: "a = b" comes before the first \[section\]/],
    ['a line that is nothing', '[app:main]\nhello', /^x\.ini:2 \[app:main\]: "hello" is neither key = value/],
    ['a section twice', '[app:main]\n[app:main]', /^x\.ini:2 \[app:main\]: .* there already, in line 1$/],
    ['a key twice', '[app:main]\na = 1\na = 2', /^x\.ini:3 \[app:main\] a: .* there already, in line 2$/],
    [
      'an unknown variable',
      `[app:main]\n${call}:app\na = %(b)s`,
      /:3 \[app:main\] a: %\(b\)s is defined neither/,
    ],
    ['a single percent sign', `[app:main]\n${call}:app\na = 5%`, /:3 \[app:main\] a: there is a single %/],
    [
      'a variable in a circle',
      `[app:main]\n${call}:app\na = %(b)s\nb = %(a)s`,
      / a: %\(b\)s leads .* b ▶ a ▶ b$/,
    ],
    ['no main section', '[app:mian]\nuse = x', /^x\.ini: there is no section \[app:main\]; there is mian$/],
    [
      'no such section',
      '[app:main]\nuse = hoem\n[app:home]',
      /:2 \[app:main\] use: .*\[app:hoem\]; there is main, home/,
    ],
    [
      'two sections of one name',
      '[app:main]\n[composite:main]',
      /:2 \[composite:main\]: \[app:main\] has that name/,
    ],
    [
      'a section that leads back',
      '[app:main]\nuse = b\n[app:b]\nuse = main',
      /leads back to itself: .*main.*b.*main/,
    ],
    ['no use', '[app:main]\na = b', /^x\.ini:1 \[app:main\]: it does not say what it is: there is no use$/],
    ['two factories', '[app:main]\npaste.app_factory = a:b\npaste.composite_factory = c:d', /it has both/],
    ['an unknown scheme', '[app:main]\nuse = file:x', / use: "file:x" has an unknown scheme/],
    ['no such package', '[app:main]\nuse = egg:Nope', / use: the package "Nope" is not installed/],
    [
      'no default export of a package',
      '[app:main]\nuse = npm:plain',
      / use: the package plain exports neither main/,
    ],
    [
      'no such export of a package',
      '[app:main]\nuse = npm:pack#x',
      / use: .* has no export "x"; there is main, other/,
    ],
    ['another application of Paste', '[app:main]\nuse = egg:Paste#static', / use: .* only egg:Paste#urlmap/],
    ['no such module', '[app:main]\nuse = call:./none.mjs:x', / use: there is no module for ".\/none.mjs:x"/],
    ['no function named', '[app:main]\nuse = call:./conf.mjs', / use: .* names no function/],
    ['a factory that is none', `[app:main]\n${call}:text`, / use: .* is of type string, not a factory/],
    ['a factory that throws', `[app:main]\n${call}:broken`, / use: its factory .* threw: no luck/],
    [
      'no application made',
      `[app:main]\n${call}:number`,
      / use: of what its factory returned: a number \(1\) is not/,
    ],
    [
      'no filter made',
      `[app:main]\n${call}:app\nfilter-with = f\n[filter:f]\n${call}:noFilter`,
      /:5 \[filter:f\] use: .*string, not a filter/,
    ],
    [
      'get of nothing',
      '[DEFAULT]\nab = 1\n[app:main]\nget x = aab',
      /:4 \[app:main\] get x: .* has no "aab"/,
    ],
    [
      'no such filter',
      `[app:main]\n${call}:app\nfilter-with = f`,
      /:3 \[app:main\] filter-with: .*\[filter:f\]; it has no filter/,
    ],
    ['no next', '[filter-app:main]\nuse = f', /^x\.ini:1 \[filter-app:main\]: there is no next/],
    ['no pipeline', '[pipeline:main]', /^x\.ini:1 \[pipeline:main\]: there is no pipeline/],
    [
      'an empty pipeline',
      '[pipeline:main]\npipeline =',
      /:2 \[pipeline:main\] pipeline: the pipeline is empty/,
    ],
    [
      'settings of a pipeline',
      '[pipeline:main]\npipeline = a\nb = c',
      /:3 \[pipeline:main\] b: a pipeline takes no/,
    ],
    [
      'a urlmap without anything',
      '[composite:main]\nuse = egg:Paste#urlmap',
      / use: there is no application in it/,
    ],
    [
      'a place that is none',
      `[composite:main]\nuse = egg:Paste#urlmap\nblog = a`,
      /:3 \[composite:main\] blog: .*begin with/,
    ],
    [
      'a URL as key',
      '[composite:main]\nuse = egg:Paste#urlmap\nhttp://a.com/ = a',
      /:3 \[composite:main\] http: /,
    ],
    [
      'one place twice',
      `[composite:main]\nuse = egg:Paste#urlmap\n/a = a\n/a/ = a\n[app:a]\n${call}:app`,
      /two .* at \/a/,
    ],
    [
      'no application of a urlmap',
      '[composite:main]\nuse = egg:Paste#urlmap\n/ = a',
      /:3 \[composite:main\] \/: there is no/,
    ],
    [
      'a urlmap as filter',
      `[filter-app:main]\nuse = egg:Paste#urlmap\nnext = a\n[app:a]\n${call}:app`,
      /not a filter/,
    ],
    [
      'a package that is required',
      `[app:main]\n${call}:app\nrequire = Nope`,
      /:3 \[app:main\] require: the package Nope/,
    ],
  ];
  for (const [name, text, message] of mistakes) {
    test(name, async () => {
      file('x.ini', text);
      await assert.rejects(load(undefined, 'wsgi', 'x.ini'), isPaste(message));
    });
  }

  test('several interfaces in one urlmap', async () => {
    const apps = `[app:a]\n${call}:node\n[app:b]\n${call}:fetch`;
    file('x.ini', `[composite:main]\nuse = egg:Paste#urlmap\n/ = a\n/b = b\n${apps}`);
    await assert.rejects(
      load(undefined, 'auto', 'x.ini'),
      isPaste(/use: .*several interfaces \(\/ is node, \/b is fetch\)/),
    );
  });

  test('no such file', async () => {
    await assert.rejects(
      load(undefined, 'wsgi', 'none.ini'),
      isPaste(/^none\.ini: it cannot be read: ENOENT/),
    );
  });

  function isPaste(message: RegExp, code: ErrorCode = 'CHAUSSETTE_ERR_PASTE'): (error: unknown) => boolean {
    return (error) => {
      assert.ok(error instanceof ChaussetteError, String(error));
      assert.equal(error.code, code);
      assert.match(error.message, message);
      return true;
    };
  }
});

describe('[server:main]', () => {
  const options = async (text: string, flags: readonly string[] = [], env: NodeJS.ProcessEnv = {}) => {
    file('server.ini', text);
    return (await parseCommand([...flags, `paste:${join(cwd, 'server.ini')}`], env)).options;
  };
  const ours = '[server:main]\nuse = egg:chaussette\n';

  test('its keys are our options, in any spelling', async () => {
    const read = await options(
      `${ours}port = 81\nlog_level = debug\ngracefulTimeout = 5\nmount = /a=b /c=d\n`,
    );
    assert.equal(read.port, 81);
    assert.equal(read.logLevel, 'debug');
    assert.equal(read.gracefulTimeout, 5);
    assert.deepEqual(read.mount, ['/a=b', '/c=d']);
  });

  test('flags and the environment win', async () => {
    const text = `${ours}port = 81\nhost = 10.0.0.1\nbackend = http\n`;
    const read = await options(text, ['--port', '82'], { CHAUSSETTE_BACKEND: 'native' });
    assert.deepEqual([read.host, read.port, read.backend], ['10.0.0.1', 82, 'native']);
  });

  test('DEFAULT is not read as options; get, variables and other files are', async () => {
    const text = `[DEFAULT]\nport = 1\ncolour = red\nwhere = 10.1.1.1\n[server:main]\nuse = config:sub/two.ini\nget backend = b\nhost = %(where)s\nset b = http\n`;
    const read = await options(text);
    assert.deepEqual([read.host, read.port, read.backend], ['10.1.1.1', 1234, 'http']);
  });

  test('another server is not ours to read', async () => {
    file('server.ini', '[server:main]\nuse = egg:Paste#http\nport = 81\n');
    assert.equal(pasteServerSettings({ file: 'server.ini', name: undefined }, cwd).size, 0);
    assert.equal((await options('[app:main]\n')).port, undefined);
  });

  test('a mistake names file, line, section and key', async () => {
    await assert.rejects(
      options(`${ours}prot = 81\n`),
      /unknown option prot in .*server\.ini:3 \[server:main\]: did you mean port/,
    );
    await assert.rejects(options(`${ours}port = x\n`), /port in .*server\.ini:3 \[server:main\] is "x"/);
    await assert.rejects(
      options('[server:main]\nport = 1\n'),
      /\[server:main\]: it does not say which server/,
    );
  });
});

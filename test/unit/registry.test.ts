import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkCapabilities } from '../../lib/backend-choice.js';
import { httpBackend } from '../../lib/backends/http.js';
import { listBackends, registerBackend, resolveBackend } from '../../lib/backends/registry.js';
import { readOptions } from '../../lib/config.js';

const { start } = httpBackend();
const noNative = (): never => {
  throw new Error('no compiler');
};

test('http and wsgiref are the reference', async () => {
  for (const name of ['http', 'wsgiref', 'WSGIRef']) {
    assert.equal((await resolveBackend(name)).backend.name, 'http');
  }
});

test("the original's other names stand for the best that there is", async () => {
  registerBackend('native', () => ({ start }), ['tls']);
  for (const name of [
    undefined,
    'meinheld',
    'bjoern',
    'gevent',
    'waitress',
    'tornado',
    'eventlet',
    'socketio',
  ]) {
    const { backend, note } = await resolveBackend(name);
    assert.deepEqual([backend.name, backend.capabilities, note], ['native', ['tls'], undefined]);
  }
});

test('without native, http serves and one line says why', async () => {
  registerBackend('native', noNative, []);
  for (const name of [undefined, 'meinheld']) {
    const { backend, note } = await resolveBackend(name);
    assert.equal(backend.name, 'http');
    assert.match(note ?? '', /^the native backend is not available.*: no compiler$/);
  }
});

test('a backend that was asked for by name is not replaced', async () => {
  registerBackend('native', noNative, []);
  await assert.rejects(resolveBackend('native'), {
    code: 'CHAUSSETTE_ERR_BACKEND',
    message: 'the backend native cannot be used: no compiler',
  });
});

test('an unknown name is an error that lists what there is', async () => {
  await assert.rejects(resolveBackend('apache'), (error: Error & { code?: string; hint?: string }) => {
    assert.equal(error.code, 'CHAUSSETTE_ERR_BACKEND');
    assert.equal(error.message, 'there is no backend "apache"');
    assert.match(error.hint ?? '', /native, http.*wsgiref/);
    return true;
  });
});

test('the list has every backend, with the reason of those that cannot be used', async () => {
  registerBackend('native', noNative, []);
  registerBackend('fake', async () => ({ start }), ['http/1.1']);
  const list = await listBackends();
  assert.deepEqual(
    list.map(({ name, unavailable }) => [name, unavailable]),
    [
      ['native', 'no compiler'],
      ['http', undefined],
      ['http2', undefined],
      ['fake', undefined],
    ],
  );
  // The original's names stand for the best one, which is http here.
  assert.deepEqual(list[0]?.aliases, []);
  assert.deepEqual(list[1]?.aliases.slice(0, 2), ['wsgiref', 'bjoern']);
  assert.ok(list[1]?.capabilities.includes('inherited-fd'));
  assert.deepEqual(list.at(-1)?.capabilities, ['http/1.1']);
});

test('what a backend cannot do is refused, naming option and capability', () => {
  const backend = { name: 'small', capabilities: ['http/1.1'] as const, start };
  const refused = [
    [{ tlsCert: 'cert.pem' }, 'tcp', '--tls-cert needs a backend with the capability tls'],
    [{ threads: 2 }, 'tcp', '--threads 2 needs a backend with the capability threads'],
    [{}, 'unix', 'a Unix socket needs a backend with the capability unix'],
    [{}, 'fd', 'an inherited socket needs a backend with the capability inherited-fd'],
  ] as const;
  for (const [given, kind, message] of refused) {
    assert.throws(() => checkCapabilities(backend, readOptions(given), [{ kind }]), {
      code: 'CHAUSSETTE_ERR_USAGE',
      message: `${message}, which small does not have`,
    });
  }
  checkCapabilities(backend, readOptions({}), [{ kind: 'tcp' }]);
});

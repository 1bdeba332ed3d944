import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Backend } from '../../lib/backends/backend.js';
import { httpBackend } from '../../lib/backends/http.js';
import { listBackends, registerBackend, resolveBackend } from '../../lib/backends/registry.js';

const fake: Backend = { ...httpBackend(), name: 'fake' };

test('http and wsgiref are the reference', async () => {
  for (const name of ['http', 'wsgiref', 'WSGIRef']) {
    assert.equal((await resolveBackend(name)).backend.name, 'http');
  }
});

test("the original's other names stand for the best that there is", async () => {
  registerBackend('native', async () => ({ backend: fake }));
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
    assert.deepEqual(await resolveBackend(name), { backend: fake });
  }
});

test('without native, http serves and one line says why', async () => {
  registerBackend('native', async () => ({ reason: 'no compiler' }));
  for (const name of [undefined, 'meinheld']) {
    const { backend, note } = await resolveBackend(name);
    assert.equal(backend.name, 'http');
    assert.match(note ?? '', /^the native backend is not available.*: no compiler$/);
  }
});

test('a backend that was asked for by name is not replaced', async () => {
  registerBackend('native', async () => ({ reason: 'no compiler' }));
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
  registerBackend('native', async () => ({ reason: 'no compiler' }));
  registerBackend('fake', async () => ({ backend: fake }));
  const list = await listBackends();
  assert.deepEqual(
    list.map(({ name, unavailable }) => [name, unavailable]),
    [
      ['native', 'no compiler'],
      ['http', undefined],
      ['fake', undefined],
    ],
  );
  assert.ok(list[0]?.aliases.includes('meinheld'));
  assert.deepEqual(list[1]?.aliases, ['wsgiref']);
  assert.ok(list[1]?.capabilities.includes('inherited-fd'));
});

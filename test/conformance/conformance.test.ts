import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import type { Limits } from '../../lib/backends/backend.js';
import { testTls } from '../helpers/certificates.js';
import { escapeBytes, type Fixture } from '../helpers/fixture.js';
import { startBackend } from '../helpers/start-backend.js';
import { FixtureApplication } from './application.js';
import { drive, type Mode, modesOf, type Outcome } from './drive.js';
import { judge } from './judge.js';
import { loadFixtures } from './load-fixtures.js';

/** Every fixture runs on each of these. `resetAllowed`: see docs/server-behavior.md, "Differences". What TLS adds is
 *  below the framing, and http2 hands its HTTP/1.1 to http: there a fixture runs whole, byte by byte and in a few of the
 *  splits. */
const backends = [
  { name: 'native', resetAllowed: false, secure: false },
  { name: 'http', resetAllowed: true, secure: false },
  { name: 'native', resetAllowed: false, secure: true },
  { name: 'http', resetAllowed: true, secure: true },
  // Its HTTP/1.1, which it has to tell from HTTP/2 by the first bytes.
  { name: 'http2', resetAllowed: true, secure: false },
] as const;
const fewModesMax = 6;

/** Connections of one fixture that are open at the same time. */
const connectionsMax = 64;
const drainMs = 10_000;

// To work on one thing: CONFORMANCE_BACKEND=native CONFORMANCE_FILTER=chunked CONFORMANCE_MODE=split@17.
const onlyBackend = process.env['CONFORMANCE_BACKEND'];
const onlyPath = process.env['CONFORMANCE_FILTER'] ?? '';
const onlyMode = process.env['CONFORMANCE_MODE'] ?? '';

type Started = Awaited<ReturnType<typeof startBackend>>;

/** One server per backend and set of limits, started when the first fixture asks for it. */
class Servers {
  readonly application = new FixtureApplication();
  readonly #started = new Map<string, Promise<Started>>();

  get(backend: string, limits: Partial<Limits>, secure: boolean): Promise<Started> {
    const key = JSON.stringify(limits);
    const tls = secure ? testTls() : undefined;
    const known = this.#started.get(key) ?? startBackend(backend, this.application, limits, tls);
    this.#started.set(key, known);
    return known;
  }

  /** Every client is gone by now: an exchange that is still open has been forgotten. */
  async close(): Promise<void> {
    for (const started of this.#started.values()) {
      const { cut } = await (await started).close(drainMs);
      assert.equal(cut, 0, `${cut} exchanges were still open at the end`);
    }
  }
}

/** What a C++ author needs to repeat it. */
function report(fixture: Fixture, mode: Mode, backend: string, outcome: Outcome, problems: string[]): string {
  const calls = outcome.calls.map((call) => `  ${call.method} ${call.target} (body ${call.bodyState})`);
  const received = escapeBytes(outcome.received.subarray(0, 4000));
  const sent = outcome.sent
    .map((piece) => (piece.length > 2000 ? piece.subarray(0, 2000) : piece))
    .map(escapeBytes);
  const more = outcome.received.length > 4000 ? `\n… ${outcome.received.length} bytes in all` : '';
  return [
    `test/conformance/fixtures/${fixture.path} (RFC ${fixture.rfc}), backend ${backend}, mode ${mode.name}`,
    ...problems.map((problem) => `  * ${problem}`),
    `--- sent${mode.name === 'bytewise' ? ', byte by byte' : ' (¦ is where it was cut)'}`,
    mode.name === 'bytewise' ? escapeBytes(Buffer.concat(outcome.sent)) : sent.join('¦'),
    `--- received (then: ${outcome.serverEnd})`,
    `${received}${more}`,
    `--- calls of the application: ${calls.length}`,
    ...calls,
  ].join('\n');
}

async function runFixture(
  fixture: Fixture,
  backend: (typeof backends)[number],
  servers: Servers,
): Promise<void> {
  const parser = backend.name === 'http2' ? 'http' : backend.name;
  const expectation = fixture.differences.get(parser)?.expect ?? fixture.expect;
  const { port } = await servers.get(backend.name, fixture.limits, backend.secure);
  const runOne = async (mode: Mode): Promise<string | undefined> => {
    const outcome = await drive(port, servers.application, fixture, expectation, mode, backend.secure);
    const problems = judge(outcome, expectation, backend.resetAllowed);
    return problems.length > 0 ? report(fixture, mode, backend.name, outcome, problems) : undefined;
  };
  const modes = modesOf(fixture).filter((mode) => mode.name.startsWith(onlyMode));
  if (backend.secure || backend.name === 'http2')
    modes.splice(0, modes.length, ...spread(modes, fewModesMax));
  // What fails whole would fail everywhere: the first one goes alone, the others side by side.
  let group: Mode[] = modes.splice(0, 1);
  while (group.length > 0) {
    const failures = await Promise.all(group.map(runOne));
    const failure = failures.find((one) => one !== undefined);
    if (failure !== undefined) assert.fail(failure);
    group = modes.splice(0, connectionsMax);
  }
}

/** So many of them, the first two included. */
function spread(modes: readonly Mode[], count: number): Mode[] {
  const step = Math.max(1, Math.ceil((modes.length - 2) / (count - 2)));
  return modes.filter((_, index) => index < 2 || (index - 2) % step === 0);
}

const fixtures = loadFixtures().filter(({ applies }) => applies);

for (const backend of backends) {
  if (onlyBackend !== undefined && onlyBackend !== backend.name) continue;
  describe(`conformance: ${backend.name}${backend.secure ? ' over TLS' : ''}`, () => {
    const servers = new Servers();
    after(() => servers.close());
    for (const fixture of fixtures) {
      if (!fixture.path.includes(onlyPath)) continue;
      // The http2 backend answers it in HTTP/2: test/behaviour/http2.test.ts.
      if (backend.name === 'http2' && fixture.path === 'version/http-2-preface.http') continue;
      test(`${fixture.path}: ${fixture.title}`, () => runFixture(fixture, backend, servers));
    }
  });
}

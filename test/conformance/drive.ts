import type { Expectation, Fixture, Step } from '../helpers/fixture.js';
import { RawClient, type ServerEnd, turns } from '../helpers/raw-client.js';
import { type ParsedResponse, parseResponses } from '../helpers/response-parser.js';
import type { Call, FixtureApplication } from './application.js';

/** How the bytes of a fixture are cut: at no offset, at one, or at every one. */
export interface Mode {
  readonly name: string;
  readonly cuts: ReadonlySet<number>;
}

/** What one run of a fixture brought to light. */
export interface Outcome {
  readonly sent: readonly Buffer[];
  readonly received: Buffer;
  readonly responses: readonly ParsedResponse[];
  readonly problem: string | undefined;
  /** Before the client closed. */
  readonly serverEnd: ServerEnd;
  /** Whether the client sent FIN: then the server need not say that it closes. */
  readonly halfClosed: boolean;
  /** Whether a request after the fixture was sent; its answer is the last of `responses` then. */
  readonly probed: boolean;
  readonly calls: readonly Call[];
}

/** Longest wait for an answer that is expected; only a failing fixture ever waits so long. */
const answerMs = 60_000;
const probe = Buffer.from('GET /probe HTTP/1.1\r\nHost: probe\r\n\r\n');
/** Fixtures above are cut in two at their edges, and at some offsets in between. */
const everyByteMax = 1500;
/** Fixtures above are sent in pieces of one byte at those offsets alone. */
const bytewiseMax = 5000;
const edgeBytes = 64;

function totalBytes(fixture: Fixture): number {
  return fixture.steps.reduce((sum, step) => sum + (step.kind === 'send' ? step.bytes.length : 0), 0);
}

/** Whole, byte by byte, and in two pieces at each offset. */
export function modesOf(fixture: Fixture): Mode[] {
  const total = totalBytes(fixture);
  const step = Math.max(1, Math.floor(total / 37));
  const offsets: number[] = [];
  for (let offset = 1; offset < total; offset += 1) {
    const edge = offset <= edgeBytes || offset >= total - edgeBytes;
    if (total <= everyByteMax || edge || offset % step === 0) offsets.push(offset);
  }
  const alone = total > 50_000 ? offsets.filter((_, index) => index % 10 === 0) : offsets;
  const splits = alone.map((offset) => ({ name: `split@${offset}`, cuts: new Set([offset]) }));
  const every = Array.from({ length: total - 1 }, (_, index) => index + 1);
  const bytewise = new Set(total <= bytewiseMax ? every : offsets);
  return [{ name: 'whole', cuts: new Set() }, { name: 'bytewise', cuts: bytewise }, ...splits];
}

/** The steps with the bytes cut as the mode says. */
function cut(steps: readonly Step[], mode: Mode): Step[] {
  const pieces: Step[] = [];
  let offset = 0;
  for (const step of steps) {
    if (step.kind !== 'send') {
      pieces.push(step);
      continue;
    }
    let from = 0;
    for (let to = 1; to <= step.bytes.length; to += 1) {
      if (to < step.bytes.length && !mode.cuts.has(offset + to)) continue;
      pieces.push({ kind: 'send', bytes: step.bytes.subarray(from, to) });
      from = to;
    }
    offset += step.bytes.length;
  }
  return pieces;
}

/** Run a fixture over one connection. Each piece is sent when the server has had the chance to read the one before;
 *  what comes of it must be the same when it did not. */
export async function drive(
  port: number,
  application: FixtureApplication,
  fixture: Fixture,
  expectation: Expectation,
  mode: Mode,
  secure: boolean,
): Promise<Outcome> {
  const client = await RawClient.open(port, secure);
  application.expect(client.localPort);
  const heads = expectation.responses.filter((one) => (one.statuses[0] ?? 0) >= 200).map((one) => one.toHead);
  const parse = () => parseResponses(client.received, heads, client.serverEnd !== 'open');
  const sent: Buffer[] = [];
  const arrived = (count: number) => () => {
    const stream = parse();
    return stream.responses.length >= count || stream.problem !== undefined;
  };
  const required = expectation.responses.filter((one) => !one.optional).length;
  let probed = false;
  try {
    await turns(4);
    for (const step of cut(fixture.steps, mode)) {
      if (client.serverEnd !== 'open') break;
      if (step.kind === 'await') await client.until(arrived(step.responses), answerMs);
      else if (step.kind === 'fin') client.finish();
      else {
        sent.push(step.bytes);
        await client.write(step.bytes);
        await turns(2);
      }
    }
    if (expectation.then === 'close') await client.until(() => false, answerMs);
    else if ((await client.until(arrived(required), answerMs)) && expectation.then === 'open') {
      probed = true;
      await client.write(probe);
      await client.until(arrived(required + 1), answerMs);
    }
    // A request that should not have been read may still be on its way to the application.
    await turns(3);
    const { responses, problem } = parse();
    const serverEnd = client.serverEnd;
    const received = client.received;
    return {
      sent,
      received,
      responses,
      problem,
      serverEnd,
      halfClosed: fixture.steps.some((step) => step.kind === 'fin'),
      probed,
      calls: application.take(client.localPort),
    };
  } finally {
    client.destroy();
  }
}

import type { Expectation, ExpectedCall, ExpectedResponse } from '../helpers/fixture.js';
import { escapeBytes } from '../helpers/fixture.js';
import { fieldValues, type ParsedResponse } from '../helpers/response-parser.js';
import type { Call } from './application.js';
import type { Outcome } from './drive.js';

/** Compare what happened with what must happen.
 *  @param resetAllowed The backend may end a refused connection with RST.
 *  @returns One line per breach; empty when all is right. */
export function judge(outcome: Outcome, expectation: Expectation, resetAllowed: boolean): string[] {
  const problems: string[] = [];
  if (outcome.problem !== undefined) problems.push(outcome.problem);
  const responses = outcome.probed ? withoutProbe(outcome, problems) : outcome.responses;
  const wanted = withoutMissing(expectation.responses, responses);
  if (responses.length !== wanted.length) {
    const got = responses.map((response) => response.status).join(' ') || 'none';
    problems.push(`${wanted.length} responses expected, ${responses.length} came: ${got}`);
  }
  wanted.forEach((expected, index) => {
    const response = responses[index];
    if (response === undefined) return;
    for (const problem of judgeResponse(response, expected))
      problems.push(`response ${index + 1}: ${problem}`);
    if (expected.abrupt || outcome.halfClosed || expectation.then === 'any') return;
    const last = index === wanted.length - 1;
    for (const problem of judgeConnection(response, last && expectation.then === 'close')) {
      problems.push(`response ${index + 1}: ${problem}`);
    }
  });
  judgeEnd(outcome, expectation, resetAllowed, problems);
  const calls = outcome.probed ? outcome.calls.filter((call) => call.target !== '/probe') : outcome.calls;
  judgeCalls(calls, expectation.calls, problems);
  return problems;
}

/** Leave out the optional responses that did not come. */
function withoutMissing(
  expected: readonly ExpectedResponse[],
  came: readonly ParsedResponse[],
): ExpectedResponse[] {
  let next = 0;
  return expected.filter((one) => {
    const here = one.statuses.includes(came[next]?.status ?? 0);
    if (one.optional && !here) return false;
    next += 1;
    return true;
  });
}

/** The request after the fixture must be the last response, and the last call. */
function withoutProbe(outcome: Outcome, problems: string[]): readonly ParsedResponse[] {
  const last = outcome.responses.at(-1);
  if (last?.status === 200 && last.body.toString('latin1') === 'probe') {
    if (outcome.calls.at(-1)?.target !== '/probe')
      problems.push('the request after the fixture was not the last call');
    return outcome.responses.slice(0, -1);
  }
  problems.push('a further request on the connection is not answered with its own response');
  return outcome.responses;
}

function judgeEnd(
  outcome: Outcome,
  expectation: Expectation,
  resetAllowed: boolean,
  problems: string[],
): void {
  if (expectation.then === 'any') return;
  if (expectation.then === 'open') {
    if (outcome.serverEnd !== 'open') problems.push(`the server ended the connection (${outcome.serverEnd})`);
    else if (!outcome.probed) problems.push('not all responses came in time');
    return;
  }
  const last = expectation.responses.at(-1);
  const cut = last === undefined || last.truncated || last.abrupt;
  if (outcome.serverEnd === 'open') problems.push('the server did not close the connection');
  if (outcome.serverEnd === 'reset' && !cut && !resetAllowed) {
    problems.push('the server reset the connection: a client may lose the response');
  }
}

function judgeResponse(response: ParsedResponse, expected: ExpectedResponse): string[] {
  const problems: string[] = [];
  const wrong = (what: string, wanted: unknown, got: unknown): void => {
    problems.push(`${what}: ${JSON.stringify(wanted)} expected, ${JSON.stringify(got)} came`);
  };
  if (!expected.statuses.includes(response.status))
    wrong('status', expected.statuses.join('|'), response.status);
  if (expected.reason !== undefined && response.reason !== expected.reason) {
    wrong('reason', expected.reason, response.reason);
  }
  if (response.version !== '1.1') wrong('version', '1.1', response.version);
  for (const { name, value } of expected.fields) {
    const values = fieldValues(response, name);
    if (values.length === 0) problems.push(`no ${name}`);
    else if (value !== undefined && values.join(' & ') !== value) wrong(name, value, values.join(' & '));
  }
  for (const name of expected.absent) {
    const values = fieldValues(response, name);
    if (values.length > 0) problems.push(`${name}: ${values.join(' & ')} should not be there`);
  }
  if (expected.framing !== undefined && response.framing !== expected.framing) {
    wrong('framing', expected.framing, response.framing);
  }
  const { body } = response;
  if (expected.body !== undefined && !expected.body.equals(body)) {
    wrong('body', escapeBytes(expected.body), escapeBytes(body.subarray(0, 300)));
  }
  if (expected.bodyBytes !== undefined && body.length !== expected.bodyBytes) {
    wrong('body length', expected.bodyBytes, body.length);
  }
  if (expected.truncated !== response.truncated) wrong('truncated', expected.truncated, response.truncated);
  const trailers = (list: readonly { name: string; value: string }[]) =>
    list.map(({ name, value }) => `${name.toLowerCase()}: ${value}`).join(', ');
  if (expected.trailers !== undefined) {
    const got = trailers(response.trailers.map(([name, value]) => ({ name, value })));
    if (got !== trailers(expected.trailers)) wrong('trailers', trailers(expected.trailers), got);
  }
  return problems;
}

/** `connection: close` stands in the last response of a connection that the server closes, and in no other
 *  (RFC 9112 §9.6). A response that is cut may be without: nobody knew then. */
function judgeConnection(response: ParsedResponse, closing: boolean): string[] {
  if (response.status < 200) return [];
  const options = fieldValues(response, 'connection').flatMap((value) =>
    value.toLowerCase().split(/[\t ]*,[\t ]*/),
  );
  const close = options.includes('close');
  if (close && options.includes('keep-alive')) return ['connection says both close and keep-alive'];
  if (closing && !close && !response.truncated && response.framing !== 'close')
    return ['no connection: close'];
  if (!closing && close) return ['connection: close before the end'];
  return [];
}

function judgeCalls(calls: readonly Call[], wanted: readonly ExpectedCall[], problems: string[]): void {
  let index = 0;
  for (const expected of wanted) {
    const call = calls[index];
    const same = call !== undefined && call.method === expected.method && call.target === expected.target;
    if (!same && expected.optional) continue;
    if (!same) {
      const got = calls.map((one) => `${one.method} ${one.target}`).join(', ') || 'none';
      problems.push(
        `call ${index + 1} of the application: ${expected.method} ${expected.target} expected; calls: ${got}`,
      );
      return;
    }
    index += 1;
    if (expected.optional && call.bodyState === 'complete')
      problems.push(`call ${index}: its body came to an end`);
    if (expected.alone && call.overlapped) problems.push(`call ${index}: it was not alone`);
    if (expected.body === undefined) continue;
    if (call.bodyState !== 'complete') problems.push(`call ${index}: its body is ${call.bodyState}`);
    if (!expected.body.equals(call.body)) {
      problems.push(
        `call ${index}: body ${escapeBytes(expected.body)} expected, ${escapeBytes(call.body)} came`,
      );
    }
  }
  const more = calls.slice(index).map((call) => `${call.method} ${call.target}`);
  if (more.length > 0) problems.push(`the application was called with ${more.join(', ')}`);
}

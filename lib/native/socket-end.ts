import { createRequire } from 'node:module';
import { unansweredOn } from './exchanges.js';
import {
  control,
  controlHandled,
  eventRequest,
  recordConnection,
  recordKind,
  records,
  recordWords,
} from './layout.js';
import { abortedError } from './node-errors.js';

/** Where the records of this call begin and end. */
let first = 0;
let end = 0;

export function beginRecords(from: number, count: number): void {
  first = from;
  end = from + count;
}

/** The program says that a connection has closed, by `socket.emit('close')`: as with node:http its requests are
 *  aborted at once, and so is the connection when one of them was not read to its end. */
export function loseConnection(connection: number): void {
  const pairs = unansweredOn(connection).map((each) => each.node());
  for (const pair of pairs) pair.req.destroy(abortedError());
  pairs[0]?.closed();
  dropRequests(connection);
}

/** Those that came together with one that is handled. */
function dropRequests(connection: number): void {
  const next = first + (control[controlHandled] as number);
  for (let i = next; i < end; i++) {
    const r = i * recordWords;
    if (records[r + recordKind] === eventRequest && records[r + recordConnection] === connection)
      records[r + recordKind] = 0;
  }
}

/** Whether a response has begun and not ended: nothing may come between. */
export function isAnswering(connection: number): boolean {
  return unansweredOn(connection).some((each) => each.headSent);
}

/** Whether a client that has ended its side is answered nevertheless. */
export function keepsHalf(server: unknown): boolean {
  return (server as { httpAllowHalfOpen?: boolean } | undefined)?.httpAllowHalfOpen === true;
}

/** What node:http answers by itself. It is loaded by now in all but servers that have no use for sockets. */
export function refusal(status: number): string {
  const { STATUS_CODES } = createRequire(import.meta.url)('node:http') as typeof import('node:http');
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\n\r\n`;
}

import { randomBytes } from 'node:crypto';
import type { EndedRequest } from '../exchange.js';

/** What others give a request as its name: visible, and not too long. */
const given = /^[\w.:+/=@-]{1,128}$/;

/** Of this process, or thread. */
const prefix = randomBytes(6).toString('hex');
let count = 0;

/** @returns `X-Request-Id` when the request came with one, else a name that no other request has. */
export function requestIdOf({ headers }: Pick<EndedRequest, 'headers'>): string {
  const came = headers.get('x-request-id');
  if (came !== undefined && given.test(came)) return came;
  count += 1;
  return `${prefix}-${count.toString(36)}`;
}

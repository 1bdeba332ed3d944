import { getSystemErrorMap } from 'node:util';

/** Linux' numbers, negated, of the errors that are told apart here (errno(3)). */
export const EBADF = -9;
export const EACCES = -13;
export const EINVAL = -22;
export const EADDRINUSE = -98;
export const EADDRNOTAVAIL = -99;
export const EAFNOSUPPORT = -97;
export const ECONNREFUSED = -111;

/** @param code A negated errno.
 *  @returns `address already in use (EADDRINUSE)`. */
export function describeErrno(code: number): string {
  const [name, text] = getSystemErrorMap().get(code) ?? [`errno ${-code}`, 'unknown error'];
  return `${text} (${name})`;
}

import { inspect } from 'node:util';

/** An error as people want to read it: stack, difference, causes; node:test's own wrapping is taken off. */
export function describeError(error: unknown): string {
  const inner = unwrap(error);
  if (!(inner instanceof Error)) return typeof inner === 'string' ? inner : inspect(inner, { depth: 6 });
  // The stack holds the message as it was when the error was made; AssertionError's is the difference.
  const stack = inner.stack ?? '';
  const text = stack.includes(inner.message) ? stack : `${inner.message}\n${stack}`;
  const cause = inner.cause === undefined ? '' : `\ncaused by: ${describeError(inner.cause)}`;
  return text + cause;
}

function unwrap(error: unknown): unknown {
  const wrapped = error instanceof Error && 'failureType' in error;
  return wrapped && error.cause !== undefined ? error.cause : error;
}

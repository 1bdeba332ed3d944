import { format, inspect } from 'node:util';
import { defineValues } from './base.js';

// Errors that node:http raises, with its codes: applications and middleware match them.

/** What Node's errors with codes have between them and their class, by the prototype of that. */
const codedPrototypes = new Map<object, object>();

/** Make an error one of Node's: its stack and its text have the code. @returns The same. */
export function coded<E extends Error>(error: E, code: string): E & { readonly code: string } {
  const prototype = Object.getPrototypeOf(error) as Error;
  Object.defineProperty(error, 'name', { value: `${error.name} [${code}]`, configurable: true });
  void error.stack; // made while the name has the code
  Reflect.deleteProperty(error, 'name');
  let own = codedPrototypes.get(prototype);
  if (own === undefined) {
    own = Object.create(prototype) as object;
    defineValues(own, { toString: codedText });
    codedPrototypes.set(prototype, own);
  }
  Object.setPrototypeOf(error, own);
  return Object.assign(error, { code });
}

function codedText(this: Error & { readonly code: string }): string {
  return `${this.name} [${this.code}]: ${this.message}`;
}

export function headersSent(action: string): Error {
  return coded(
    new Error(`Cannot ${action} headers after they are sent to the client`),
    'ERR_HTTP_HEADERS_SENT',
  );
}

export function invalidStatus(status: unknown): Error {
  return coded(new RangeError(format('Invalid status code: %s', status)), 'ERR_HTTP_INVALID_STATUS_CODE');
}

export function invalidChar(what: string): Error {
  return coded(new TypeError(`Invalid character in ${what}`), 'ERR_INVALID_CHAR');
}

export function writeAfterEnd(): Error {
  return coded(new Error('write after end'), 'ERR_STREAM_WRITE_AFTER_END');
}

export function alreadyFinished(): Error {
  return coded(new Error('Cannot call end after a stream was finished'), 'ERR_STREAM_ALREADY_FINISHED');
}

export function destroyed(action: string): Error {
  return coded(new Error(`Cannot call ${action} after a stream was destroyed`), 'ERR_STREAM_DESTROYED');
}

export function invalidHandle(): Error {
  return coded(new TypeError('This handle type cannot be sent'), 'ERR_INVALID_HANDLE_TYPE');
}

export function nullChunk(): Error {
  return coded(new TypeError('May not write null values to stream'), 'ERR_STREAM_NULL_VALUES');
}

export function invalidChunk(chunk: unknown): Error {
  return invalidType('chunk', 'of type string or an instance of Buffer or Uint8Array', chunk);
}

/** @param what As in "must be of type string". */
export function invalidType(name: string, what: string, value: unknown): Error {
  return coded(
    new TypeError(
      `The "${name}" ${name.includes('.') ? 'property' : 'argument'} must be ${what}. Received ${received(value)}`,
    ),
    'ERR_INVALID_ARG_TYPE',
  );
}

function received(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (typeof value === 'function') return `function ${value.name}`;
  if (typeof value === 'object') {
    const maker: unknown = value.constructor;
    return typeof maker === 'function' && maker.name !== ''
      ? `an instance of ${maker.name}`
      : inspect(value, { depth: -1 });
  }
  const text = inspect(value, { colors: false });
  return `type ${typeof value} (${text.length > 28 ? `${text.slice(0, 25)}...` : text})`;
}

export function invalidValue(name: string, value: unknown): Error {
  return coded(
    new TypeError(`The argument '${name}' is invalid. Received ${inspect(value)}`),
    'ERR_INVALID_ARG_VALUE',
  );
}

/** Options of listen() that name nothing to listen on. */
export function invalidListen(options: object): Error {
  if ('port' in options || 'path' in options) return invalidValue('options', options);
  return coded(
    new TypeError(
      `The argument 'options' must have the property "port" or "path". Received ${inspect(options)}`,
    ),
    'ERR_INVALID_ARG_VALUE',
  );
}

export function badPort(name: string, port: unknown): Error {
  return coded(
    new RangeError(`${name} should be >= 0 and < 65536. Received ${received(port)}.`),
    'ERR_SOCKET_BAD_PORT',
  );
}

export function lengthMismatch(given: number, announced: number | undefined): Error {
  return coded(
    new Error(
      `Response body's content-length of ${given} byte(s) does not match the content-length of ${announced} byte(s) set in header`,
    ),
    'ERR_HTTP_CONTENT_LENGTH_MISMATCH',
  );
}

export function unknownEncoding(encoding: unknown): Error {
  return coded(new TypeError(`Unknown encoding: ${String(encoding)}`), 'ERR_UNKNOWN_ENCODING');
}

export function socketEncoding(): Error {
  return coded(
    new Error('Changing the socket encoding is not allowed per RFC7230 Section 3.'),
    'ERR_HTTP_SOCKET_ENCODING',
  );
}

export function cannotPipe(): Error {
  return coded(new Error('Cannot pipe, not readable'), 'ERR_STREAM_CANNOT_PIPE');
}

export function bodyNotAllowed(): Error {
  return coded(
    new Error('Adding content for this request method or response status is not allowed.'),
    'ERR_HTTP_BODY_NOT_ALLOWED',
  );
}

export function trailerNotAllowed(): Error {
  return coded(new Error('Trailers are invalid with this transfer encoding'), 'ERR_HTTP_TRAILER_INVALID');
}

/** @param range As Node words it: `>= 0`. */
export function outOfRange(name: string, range: string, value: number): RangeError {
  // As Node, which parts the digits of integers that are longer than 32 bits.
  const isLong = Number.isInteger(value) && Math.abs(value) > 2 ** 32;
  const shown = isLong ? value.toLocaleString('en').replaceAll(',', '_') : String(value);
  return coded(
    new RangeError(`The value of "${name}" is out of range. It must be ${range}. Received ${shown}`),
    'ERR_OUT_OF_RANGE',
  );
}

export function connectionReset(): Error & { readonly code: string } {
  return Object.assign(new Error('read ECONNRESET'), { errno: -104, code: 'ECONNRESET', syscall: 'read' });
}

export function abortedError(): Error {
  return Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
}

export function notRunning(): Error {
  return coded(new Error('Server is not running.'), 'ERR_SERVER_NOT_RUNNING');
}

export function alreadyListens(): Error {
  return coded(
    new Error('Listen method has been called more than once without closing.'),
    'ERR_SERVER_ALREADY_LISTEN',
  );
}

export function requestTimeout(): Error & { readonly code: string } {
  return coded(new Error('Request timeout'), 'ERR_HTTP_REQUEST_TIMEOUT');
}

/** What llhttp and who calls it found wrong.
 *  @param rawPacket What was being read; undefined when the client has ended, and then the message has no reason. */
export function parserError(code: string, reason: string, bytesParsed: number, rawPacket?: Uint8Array) {
  const error = new Error(code === 'HPE_INVALID_EOF_STATE' ? 'Parse Error' : `Parse Error: ${reason}`);
  const facts = { bytesParsed, code, reason };
  return Object.assign(error, facts, rawPacket === undefined ? {} : { rawPacket });
}

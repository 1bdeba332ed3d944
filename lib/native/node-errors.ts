// Errors that node:http raises, with its codes: applications and middleware match them.

function coded<E extends Error>(error: E, code: string): E & { code: string } {
  Object.defineProperty(error, 'name', { value: `${error.name} [${code}]`, configurable: true });
  void error.stack; // made while the name has the code
  Object.defineProperty(error, 'name', {
    value: Object.getPrototypeOf(error).name,
    configurable: true,
    writable: true,
    enumerable: false,
  });
  return Object.assign(error, { code });
}

export function headersSent(action: string): Error {
  return coded(
    new Error(`Cannot ${action} headers after they are sent to the client`),
    'ERR_HTTP_HEADERS_SENT',
  );
}

export function invalidStatus(status: unknown): Error {
  return coded(new RangeError(`Invalid status code: ${String(status)}`), 'ERR_HTTP_INVALID_STATUS_CODE');
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

export function nullChunk(): Error {
  return coded(new TypeError('May not write null values to stream'), 'ERR_STREAM_NULL_VALUES');
}

export function invalidChunk(chunk: unknown): Error {
  const received = chunk === undefined ? 'undefined' : `type ${typeof chunk} (${String(chunk)})`;
  return coded(
    new TypeError(
      `The "chunk" argument must be of type string or an instance of Buffer or Uint8Array. Received ${received}`,
    ),
    'ERR_INVALID_ARG_TYPE',
  );
}

export function cannotPipe(): Error {
  return coded(new Error('Cannot pipe, not readable'), 'ERR_STREAM_CANNOT_PIPE');
}

export function trailerNotAllowed(): Error {
  return coded(new Error('Trailers are invalid with this transfer encoding'), 'ERR_HTTP_TRAILER_INVALID');
}

import type { StartResponse, Write, WsgiApplication, WsgiChunk, WsgiResult } from './wsgi.js';
import type { Environ, WsgiErrors } from './wsgi-environ.js';
import type { WsgiInput } from './wsgi-input.js';
import { chunkFault, environFault, headersFault, lengthOf, resultFault, statusFault } from './wsgi-rules.js';

/** Something that PEP 3333 does not allow. */
export class WsgiViolation extends Error {
  /** Whose mistake it is. */
  readonly side: 'server' | 'application';

  constructor(side: 'server' | 'application', what: string) {
    super(`WSGI, by the ${side}: ${what}`);
    this.name = 'WsgiViolation';
    this.side = side;
  }
}

/** Put between a server and an application, check that both keep to PEP 3333. It changes nothing of requests and
 *  responses, but that files are sent in blocks, and that a single piece gets no Content-Length.
 *
 *  A violation is thrown where it happens, so that its stack leads to it: one of the application out of what it
 *  called or into the server, one of the server into the server. A result that the server never closed is told by
 *  `process.emitWarning`, when it is collected.
 *
 *  @param report Called with each violation instead of throwing it.
 *  @see PEP 3333; wsgiref.validate of Python's library. */
export function validator(
  application: WsgiApplication,
  report: (violation: WsgiViolation) => void = raise,
): WsgiApplication {
  return (...given: Parameters<WsgiApplication>) => {
    const call = new Call(report);
    const [environ, startResponse] = given;
    if (given.length !== 2) call.server(`the application is called with ${given.length} arguments, not 2`);
    call.server(environFault(environ));
    if (typeof startResponse !== 'function') call.server('startResponse is not a function');
    call.method = environ.REQUEST_METHOD;
    environ['wsgi.input'] = new CheckedInput(environ['wsgi.input'], call) as unknown as WsgiInput;
    environ['wsgi.errors'] = new CheckedErrors(environ['wsgi.errors'], call);
    const result = application(environ as Environ, call.checkedStart(startResponse));
    if (typeof result === 'object' && result !== null && 'then' in result) {
      return result.then((later) => call.checkedResult(later));
    }
    return call.checkedResult(result);
  };
}

function raise(violation: WsgiViolation): never {
  throw violation;
}

/** Results whose close() was not called yet, by what their server holds. */
const unclosed = new FinalizationRegistry((method: string) => {
  const violation = new WsgiViolation(
    'server',
    `close() of the result of a ${method} request was never called`,
  );
  process.emitWarning(violation);
});

/** One call of an application. */
class Call {
  method = '';
  readonly #report: (violation: WsgiViolation) => void;
  #started = false;
  /** The first byte of the body is out: the head cannot be replaced. */
  #sent = false;
  #code = 0;
  #hasType = false;
  #length: number | undefined;
  #bytes = 0;

  constructor(report: (violation: WsgiViolation) => void) {
    this.#report = report;
  }

  /** @param fault undefined when all is well. */
  server(fault: string | undefined): void {
    if (fault !== undefined) this.#report(new WsgiViolation('server', fault));
  }

  application(fault: string | undefined): void {
    if (fault !== undefined) this.#report(new WsgiViolation('application', fault));
  }

  checkedStart(startResponse: StartResponse): StartResponse {
    return (...given: Parameters<StartResponse>) => {
      const [status, headers, excInfo] = given;
      if (given.length < 2 || given.length > 3) {
        this.application(`startResponse is called with ${given.length} arguments, not 2 or 3`);
      }
      const fault = statusFault(status) ?? headersFault(headers);
      this.application(fault);
      const again = this.#started && (excInfo === undefined || excInfo === null);
      if (again) this.application('startResponse is called twice, without the error that is the reason');
      if (!this.#sent && fault === undefined) this.#take(status, headers);
      const write: unknown = startResponse(...given);
      this.#started = true;
      if (typeof write !== 'function') this.server('startResponse did not return write()');
      return (...chunks: Parameters<Write>) => {
        if (chunks.length !== 1) this.application(`write() is called with ${chunks.length} arguments, not 1`);
        this.piece(chunks[0], 'what is given to write()');
        (write as Write)(...chunks);
      };
    };
  }

  #take(status: string, headers: Parameters<StartResponse>[1]): void {
    this.#code = Number.parseInt(status, 10);
    this.#hasType = headers.some(([name]) => name.toLowerCase() === 'content-type');
    this.#length = lengthOf(headers);
    if (this.#hasType && this.#isBodiless)
      this.application(`a response with ${this.#code} has a Content-Type`);
    if (this.#length !== undefined && !Number.isSafeInteger(this.#length)) {
      this.application('the Content-Length is not a number');
    }
  }

  get #isBodiless(): boolean {
    return this.#code === 204 || this.#code === 304;
  }

  /** @param of What the piece is, for the message. */
  piece(chunk: WsgiChunk, of: string): void {
    const fault = chunkFault(chunk, of);
    this.application(fault);
    if (fault !== undefined || chunk.length === 0) return;
    if (!this.#started) this.application('the body begins before startResponse is called');
    if (this.#isBodiless) this.application(`a response with ${this.#code} has a body`);
    else if (!this.#hasType && !this.#sent) this.application('a response with a body has no Content-Type');
    this.#sent = true;
    this.#bytes += typeof chunk === 'string' ? Buffer.byteLength(chunk) : chunk.byteLength;
    if (this.#length !== undefined && this.#bytes > this.#length) {
      this.application(`the body is longer than its Content-Length, ${this.#length}`);
    }
  }

  /** The application has given its last piece. */
  end(): void {
    if (!this.#started) this.application('it never called startResponse');
    const { method } = this;
    if (this.#length === undefined || method === 'HEAD' || this.#code === 304) return;
    if (this.#bytes < this.#length) {
      this.application(`the body has ${this.#bytes} bytes, and its Content-Length is ${this.#length}`);
    }
  }

  checkedResult(result: WsgiResult): WsgiResult {
    const fault = resultFault(result);
    this.application(fault);
    if (fault !== undefined) return result;
    const checked =
      Symbol.iterator in result ? new CheckedResult(result, this) : new CheckedAsyncResult(result, this);
    unclosed.register(checked, this.method, checked);
    return checked;
  }
}

/** What both kinds of results share. */
class Closing {
  protected readonly call: Call;
  readonly #original: { close?(): unknown };
  #begun = false;
  #closed = false;

  constructor(original: { close?(): unknown }, call: Call) {
    this.#original = original;
    this.call = call;
  }

  protected begin(): void {
    if (this.#begun) this.call.server('the result is iterated twice');
    this.#begun = true;
  }

  protected next(): void {
    if (this.#closed) this.call.server('the result is read after close()');
  }

  close(): unknown {
    if (this.#closed) this.call.server('close() is called twice');
    this.#closed = true;
    unclosed.unregister(this);
    return this.#original.close?.();
  }
}

class CheckedResult extends Closing implements Iterable<WsgiChunk> {
  readonly #chunks: Iterable<WsgiChunk>;

  constructor(chunks: Iterable<WsgiChunk> & { close?(): unknown }, call: Call) {
    super(chunks, call);
    this.#chunks = chunks;
  }

  *[Symbol.iterator](): IterableIterator<WsgiChunk> {
    this.begin();
    for (const chunk of this.#chunks) {
      this.call.piece(chunk, 'a piece of the result');
      yield chunk;
      this.next();
    }
    this.call.end();
  }
}

class CheckedAsyncResult extends Closing implements AsyncIterable<WsgiChunk> {
  readonly #chunks: AsyncIterable<WsgiChunk>;

  constructor(chunks: AsyncIterable<WsgiChunk> & { close?(): unknown }, call: Call) {
    super(chunks, call);
    this.#chunks = chunks;
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<WsgiChunk> {
    this.begin();
    for await (const chunk of this.#chunks) {
      this.call.piece(chunk, 'a piece of the result');
      yield chunk;
      this.next();
    }
    this.call.end();
  }
}

/** `wsgi.input` with the methods of PEP 3333 alone. */
class CheckedInput implements Iterable<Uint8Array> {
  readonly #input: WsgiInput;
  readonly #call: Call;

  constructor(input: WsgiInput, call: Call) {
    this.#input = input;
    this.#call = call;
  }

  read(...size: readonly [size?: number | null]): Uint8Array {
    this.#checkSize('read', size);
    return this.#bytes('read', this.#input.read(...size));
  }

  readline(...size: readonly [size?: number | null]): Uint8Array {
    this.#checkSize('readline', size);
    return this.#bytes('readline', this.#input.readline(...size));
  }

  readlines(...hint: readonly [hint?: number | null]): Uint8Array[] {
    this.#checkSize('readlines', hint);
    const lines = this.#input.readlines(...hint);
    if (!Array.isArray(lines)) this.#call.server('wsgi.input.readlines() did not return an array');
    for (const line of lines) this.#bytes('readlines', line);
    return lines;
  }

  *[Symbol.iterator](): IterableIterator<Uint8Array> {
    for (const line of this.#input) yield this.#bytes('iteration', line);
  }

  close(): void {
    this.#call.application('it called wsgi.input.close()');
  }

  #checkSize(method: string, given: readonly unknown[]): void {
    const [size] = given;
    const right = given.length <= 1 && (size === undefined || size === null || Number.isInteger(size));
    if (!right)
      this.#call.application(`wsgi.input.${method}() takes one whole number, and was called otherwise`);
  }

  #bytes(method: string, bytes: Uint8Array): Uint8Array {
    if (!(bytes instanceof Uint8Array)) this.#call.server(`wsgi.input.${method}() did not return bytes`);
    return bytes;
  }
}

/** `wsgi.errors` with the methods of PEP 3333 alone. */
class CheckedErrors implements WsgiErrors {
  readonly #errors: WsgiErrors;
  readonly #call: Call;

  constructor(errors: WsgiErrors, call: Call) {
    this.#errors = errors;
    this.#call = call;
  }

  write(text: string): void {
    if (typeof text !== 'string')
      this.#call.application('wsgi.errors.write() takes a string, and was given none');
    this.#errors.write(text);
  }

  writelines(lines: Iterable<string>): void {
    for (const line of lines) this.write(line);
  }

  flush(): void {
    this.#errors.flush();
  }

  close(): void {
    this.#call.application('it called wsgi.errors.close()');
  }
}

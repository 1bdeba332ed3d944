import type { Exchange, Handler, HeaderList } from '../../lib/exchange.js';
import { turns } from '../helpers/raw-client.js';
import { unsafeResponses } from './unsafe-responses.js';

/** One call of the application, in the order of the calls of its connection. */
export interface Call {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  /** What was read of the body so far. */
  body: Buffer;
  /** `unread`: the route does not ask for it. `failed`: the body ended in an error. */
  bodyState: 'unread' | 'reading' | 'complete' | 'failed';
  /** The application is done with it. */
  finished: boolean;
  /** Another call of the same connection was open at the same time. */
  overlapped: boolean;
}

type Route = (exchange: Exchange, call: Call, argument: string) => void;

const text: HeaderList = ['content-type', 'text/plain'];
const problem = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Read the whole body, then go on.
 *  @param then Called with the trailers; not called when the body failed. */
function collect(exchange: Exchange, call: Call, then: (trailers: HeaderList) => void): void {
  call.bodyState = 'reading';
  exchange.readBody({
    data(chunk) {
      call.body = Buffer.concat([call.body, chunk]);
      return true;
    },
    end(trailers) {
      call.bodyState = 'complete';
      then(trailers);
    },
    error() {
      call.bodyState = 'failed';
      call.finished = true;
    },
  });
}

function answer(
  exchange: Exchange,
  call: Call,
  status: number,
  body: string | Uint8Array,
  headers = text,
): void {
  call.finished = true;
  exchange.respond(status, '', headers, body);
}

function finish(exchange: Exchange, call: Call, trailers?: HeaderList): void {
  call.finished = true;
  exchange.end(trailers);
}

/** Fields as lines of text, as they came. */
function lines(list: HeaderList): string {
  let all = '';
  for (let index = 0; index < list.length; index += 2) all += `${list[index]}: ${list[index + 1]}\n`;
  return all;
}

/** Stream the body back as it comes, with a pause of the flow after each piece. */
function stream(exchange: Exchange, call: Call): void {
  call.bodyState = 'reading';
  exchange.respondHead(200, '', text);
  exchange.readBody({
    data(chunk) {
      call.body = Buffer.concat([call.body, chunk]);
      exchange.write(chunk);
      setImmediate(() => exchange.resumeBody());
      return false;
    },
    end() {
      call.bodyState = 'complete';
      finish(exchange, call);
    },
    error() {
      call.bodyState = 'failed';
      call.finished = true;
      exchange.abort();
    },
  });
}

const routes: Readonly<Record<string, Route>> = {
  hello: (exchange, call) => answer(exchange, call, 200, 'Hello'),
  probe: (exchange, call) => answer(exchange, call, 200, 'probe'),
  empty: (exchange, call) => {
    call.finished = true;
    exchange.respond(200, '', [], null);
  },
  echo: (exchange, call) => collect(exchange, call, () => answer(exchange, call, 200, call.body)),
  len: (exchange, call) =>
    collect(exchange, call, () => answer(exchange, call, 200, String(call.body.length))),
  stream,
  'hinted-stream': (exchange, call) => {
    exchange.respondInfo(103, ['link', '</style.css>; rel=preload']);
    stream(exchange, call);
  },
  method: (exchange, call) => answer(exchange, call, 200, `${call.method} ${call.target} ${call.version}`),
  headers: (exchange, call) => answer(exchange, call, 200, lines(exchange.headers.raw)),
  header: (exchange, call, name) => answer(exchange, call, 200, exchange.headers.get(name) ?? '(absent)'),
  'has-body': (exchange, call) => answer(exchange, call, 200, String(exchange.hasBody)),
  'request-trailers': (exchange, call) =>
    collect(exchange, call, (trailers) => answer(exchange, call, 200, lines(trailers))),
  status: (exchange, call, code) => answer(exchange, call, Number(code), `status ${code}`),
  reason: (exchange, call) => {
    call.finished = true;
    exchange.respond(200, 'Splendid \xe9', text, 'reason');
  },
  big: (exchange, call, size) => answer(exchange, call, 200, Buffer.alloc(Number(size), 'b')),
  'no-read': (exchange, call) => answer(exchange, call, 200, 'not read'),
  close: (exchange, call) => answer(exchange, call, 200, 'bye', [...text, 'connection', 'close']),
  fields: (exchange, call) =>
    answer(exchange, call, 200, 'fields', [
      'Set-Cookie',
      'a=1',
      'Set-Cookie',
      'b=2',
      'X-Empty',
      '',
      'X-High',
      '\xe9',
    ]),
  dated: (exchange, call) =>
    answer(exchange, call, 200, 'dated', ['Date', 'Sun, 06 Nov 1994 08:49:37 GMT', 'content-length', '5']),
  chunked: (exchange, call) => {
    exchange.respondHead(200, '', text);
    for (const part of ['one', 'two', 'three']) exchange.write(part);
    finish(exchange, call);
  },
  'chunked-slow': async (exchange, call) => {
    exchange.respondHead(200, '', text);
    for (const part of ['one', 'two', 'three']) {
      await turns(2);
      exchange.write(part);
    }
    await turns(2);
    finish(exchange, call);
  },
  length: (exchange, call) => {
    exchange.respondHead(200, '', [...text, 'content-length', '11']);
    for (const part of ['one', 'two', 'three']) exchange.write(part);
    finish(exchange, call);
  },
  trailers: (exchange, call) => {
    exchange.respondHead(200, '', [...text, 'trailer', 'x-sum']);
    exchange.write('with trailers');
    finish(exchange, call, ['x-sum', '42']);
  },
  delay: async (exchange, call, count) => {
    await turns(Number(count || 1));
    collect(exchange, call, () => answer(exchange, call, 200, `delay ${count}`));
  },
  'delay-no-read': async (exchange, call, count) => {
    await turns(Number(count || 1));
    answer(exchange, call, 200, 'not read');
  },
  early: (exchange, call) => {
    exchange.respondInfo(103, ['link', '</style.css>; rel=preload']);
    answer(exchange, call, 200, 'after the hints');
  },
  throw: () => {
    throw new Error('the application threw');
  },
  'throw-async': async () => {
    await turns(1);
    throw new Error('the application threw later');
  },
  'throw-late': (exchange) => {
    exchange.respondHead(200, '', text);
    exchange.write('half');
    throw new Error('the application threw after the head');
  },
  abort: (exchange, call) => {
    call.finished = true;
    exchange.abort();
  },
  short: (exchange, call) => {
    exchange.respondHead(200, '', [...text, 'content-length', '10']);
    exchange.write('01234');
    finish(exchange, call);
  },
  long: (exchange, call) => {
    exchange.respondHead(200, '', [...text, 'content-length', '5']);
    exchange.write('0123456789');
    finish(exchange, call);
  },
  twice: (exchange, call) => {
    answer(exchange, call, 200, 'first');
    try {
      exchange.respond(200, '', text, 'second');
    } catch {
      // Either is right: a response after the end does nothing, one after the head throws.
    }
    exchange.write('third');
    exchange.end();
  },
  unsafe: (exchange, call, name) => {
    const attempt = unsafeResponses[name];
    let outcome = 'nothing was refused';
    try {
      if (attempt === undefined) throw new Error('no such attempt');
      attempt(exchange);
    } catch (error) {
      outcome = `refused ${(error as { code?: unknown }).code ?? problem(error)}`;
    }
    if (!exchange.headSent) answer(exchange, call, 200, outcome);
    else if (!exchange.ended) finish(exchange, call);
    else call.finished = true;
  },
};

/** The application of every fixture: routes by the first segment of the path, and a record of its calls. */
export class FixtureApplication implements Handler {
  readonly interface = 'fetch';
  /** By the port of the client. */
  readonly #calls = new Map<number, Call[]>();

  /** Start a record for a connection. */
  expect(clientPort: number): void {
    this.#calls.set(clientPort, []);
  }

  /** The calls of a connection, and the end of their record. */
  take(clientPort: number): Call[] {
    const calls = this.#calls.get(clientPort) ?? [];
    this.#calls.delete(clientPort);
    return calls;
  }

  handle(exchange: Exchange): void {
    const call: Call = {
      method: exchange.method,
      target: exchange.target,
      version: exchange.httpVersion,
      body: Buffer.alloc(0),
      bodyState: 'unread',
      finished: false,
      overlapped: false,
    };
    const calls = this.#calls.get(exchange.remote.port) ?? [];
    for (const other of calls) {
      if (other.finished) continue;
      other.overlapped = true;
      call.overlapped = true;
    }
    calls.push(call);
    this.#run(exchange, call);
  }

  #run(exchange: Exchange, call: Call): void {
    const path = call.target.replace(/^[a-z]+:\/\/[^/?]*/i, '').replace(/\?.*$/, '');
    const [, name = '', argument = ''] = path.split('/');
    const route = routes[name];
    const failed = (error: unknown): void => {
      call.finished = true;
      exchange.fail(error);
    };
    try {
      if (route === undefined) answer(exchange, call, 404, `no route ${call.target}`);
      else Promise.resolve(route(exchange, call, argument)).catch(failed);
    } catch (error) {
      failed(error);
    }
  }
}

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Limits } from '../../lib/backends/backend.js';
import type { BodySink, Exchange, Handler, HeaderList, InterfaceName } from '../../lib/exchange.js';
import { createHandler } from '../../lib/interfaces/index.js';
import { Client, get, until, within } from './lifetime-client.js';
import { type StartedBackend, startBackend } from './start-backend.js';

/** Holds every exchange until the test does something with it; `/next` is answered at once. */
export class Holding implements Handler {
  readonly interface = 'fetch';
  readonly held: Exchange[] = [];
  /** Calls of `onAbort`, by index. */
  readonly aborts: Promise<void>[] = [];
  #taken = 0;
  #wake: () => void = () => {};

  handle(exchange: Exchange): void {
    if (exchange.target === '/next') {
      exchange.respond(200, '', ['content-type', 'text/plain'], 'next');
      return;
    }
    this.held.push(exchange);
    this.aborts.push(new Promise((resolve) => exchange.onAbort(resolve)));
    this.#wake();
  }

  /** The exchanges in the order in which they came. */
  async next(): Promise<Exchange> {
    const index = this.#taken++;
    const exchange = await within(`exchange ${index}`, this.#at(index));
    return exchange;
  }

  async #at(index: number): Promise<Exchange> {
    for (;;) {
      const exchange = this.held[index];
      if (exchange !== undefined) return exchange;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The client of the exchange at `index` is known to be gone. */
  async aborted(index: number): Promise<void> {
    await within(`the abort of exchange ${index}`, this.aborts[index] ?? Promise.reject(new Error('none')));
  }
}

/** Collects a request body. */
export class Sink implements BodySink {
  bytes = 0;
  trailers: HeaderList = [];
  readonly chunks: Uint8Array[] = [];
  /** 'end', or the error. */
  readonly done: Promise<'end' | Error>;
  goesOn = true;
  #settle: (how: 'end' | Error) => void = () => {};
  #wake: () => void = () => {};

  constructor() {
    this.done = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  data(chunk: Uint8Array): boolean {
    this.bytes += chunk.length;
    this.chunks.push(chunk);
    this.#wake();
    return this.goesOn;
  }

  end(trailers: HeaderList): void {
    this.trailers = trailers;
    this.#settle('end');
  }

  error(error: Error): void {
    this.#settle(error);
  }

  /** @returns Resolves when so many bytes have come. */
  async has(bytes: number): Promise<void> {
    const come = async (): Promise<void> => {
      while (this.bytes < bytes) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    };
    await within(`${bytes} bytes of a body`, come());
  }
}

/** A server for one test, closed after it. */
export async function serveHeld(
  t: TestContext,
  backend: string,
  limits: Partial<Limits> = {},
): Promise<{ handler: Holding; server: StartedBackend }> {
  const handler = new Holding();
  const server = await startBackend(backend, handler, limits);
  t.after(() => server.close());
  return { handler, server };
}

/** The same for an application. */
export async function serveApplication(
  t: TestContext,
  backend: string,
  name: InterfaceName,
  application: unknown,
  limits: Partial<Limits> = {},
): Promise<StartedBackend> {
  const handler = await createHandler(application, { interface: name });
  const server = await startBackend(backend, handler, limits);
  t.after(() => server.close());
  return server;
}

/** Nothing is left of the clients so far, and the next one is served.
 *  @param path One that is answered with 200 at once. */
export async function servesOn(t: TestContext, server: StartedBackend, path = '/next'): Promise<void> {
  await until('requests in flight', () => server.stats().inFlight === 0);
  await until('open connections', () => server.stats().connections === 0);
  const client = await Client.open(t, server.port);
  await client.write(get(path, 'Connection: close\r\n'));
  const { status } = await client.response();
  assert.equal(status, 200);
  await client.end();
  client.socket.destroy();
}

import { EventEmitter } from 'node:events';
import type { BackendServer, Limits, ListeningSocket } from '../backends/backend.js';
import { ChaussetteError } from '../errors.js';
import type { Handler, Reporter } from '../exchange.js';
import { describeError } from '../log.js';
import { loadAddon } from '../native/binding.js';
import { type Answer, type Listener, makeOffer, type Offer } from '../native/offer.js';
import type { Networks } from '../proxies/networks.js';
import type { TlsSettings } from '../tls/settings.js';

/** After so long without an application or a listen() the log says what is waited for. */
const hintMs = 10_000;

/** A program whose first server asks for a socket. */
export interface ListeningProgram {
  readonly description: string;
  /** Give it the sockets. @returns When it serves. */
  serve(sockets: readonly ListeningSocket[], settings: Settings): Promise<Served>;
}

/** What holds for every application of the command. */
export interface Settings {
  readonly limits: Limits;
  readonly tls: TlsSettings | undefined;
  /** Whose connections begin with a PROXY header. */
  readonly proxies: Networks | undefined;
  /** An option that was given and needs an application. */
  readonly notForPrograms: string | undefined;
  /** Count what a handler is given, for --max-requests. */
  readonly counted: (handler: Handler) => Handler;
  /** Who wants to know of its requests. */
  readonly watch: Pick<Reporter, 'requests' | 'measured'>;
}

/** What serves, and what the log says of it. */
export interface Served {
  readonly backend: BackendServer;
  readonly backendName: string;
  readonly note: string;
}

/** A module that may be a program: one that listens by itself, as `node server.js` would let it.
 *
 *  Lifetime: that of the process, for servers that listen later. */
export class Program implements Offer {
  /** The first server that listens has asked. */
  readonly listened: Promise<ListeningProgram>;
  native = true;
  /** What people call it; empty until it is known that the module may be a program. */
  #shown = '';
  readonly #warn: (message: string) => void;
  #hint: NodeJS.Timeout | undefined;
  #first: Listener | undefined;
  #giveSockets: (answer: Answer) => void = () => {};
  #serving: (backend: BackendServer) => void = () => {};
  #cannotServe: (error: unknown) => void = () => {};
  #listening: (program: ListeningProgram) => void = () => {};
  #given: Answer | undefined;
  /** What it exports, when that is what is served. */
  #application: unknown;
  #failure: { readonly error: unknown } | undefined;
  #fail: ((error: unknown) => void) | undefined;

  /** @param warn To the log. */
  constructor(warn: (message: string) => void) {
    this.#warn = warn;
    this.listened = new Promise((resolve) => {
      this.#listening = resolve;
    });
  }

  /** The module is about to be imported: the next server that listens gets the sockets.
   *  @param shown What people call it: `server.js`.
   *  @param native Whether the native core is to serve.
   *  @param secure Whether it is over TLS: then servers of node:https are asked as well, which takes time to load. */
  async expect(shown: string, native: boolean, secure: boolean): Promise<void> {
    this.#shown = shown;
    this.native = native;
    this.#hint = setTimeout(() => this.#tellHint(), hintMs).unref();
    makeOffer(this);
    const { patchCluster, patchHttp, patchHttps, patchListen } = await import('../patch-http.js');
    if (!native || !patchHttp()) patchListen(secure);
    else if (secure) patchHttps();
    patchCluster();
  }

  get hasListened(): boolean {
    return this.#first !== undefined;
  }

  /** The module exports an application, and that is what is served. */
  exports(application: unknown, sockets: readonly ListeningSocket[], settings: Settings): void {
    clearTimeout(this.#hint);
    this.#application = application;
    this.#given = { ...settings, sockets, isAlias: true };
  }

  /** The module has loaded and exports no application: it may still be about to listen.
   *  @throws `error` when nothing is left that could, and what the program itself failed with. */
  orListens(error: unknown): Promise<ListeningProgram> {
    if (this.#shown === '') throw error;
    if (this.#first !== undefined) {
      if (!isMissing(error)) this.#warn(describeError(error));
      return this.listened;
    }
    if (!isMissing(error)) throw error;
    return new Promise((resolve, reject) => {
      const atEnd = (): void => reject(error);
      process.once('beforeExit', atEnd);
      this.#fail = (cause) => {
        const why = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
        const message = `${this.#shown} failed before it listened: ${why}`;
        reject(new ChaussetteError('CHAUSSETTE_ERR_APP_THREW', message, { cause }));
      };
      if (this.#failure !== undefined) this.#fail(this.#failure.error);
      void this.listened.then((program) => {
        process.removeListener('beforeExit', atEnd);
        resolve(program);
      });
    });
  }

  /** Nobody has caught `error`. @returns Whether it ends the start of the program, as it would end it under node. */
  failed(error: unknown): boolean {
    if (this.#shown === '' || this.#first !== undefined || this.#application !== undefined) return false;
    this.#failure ??= { error };
    this.#fail?.(error);
    return this.#fail !== undefined;
  }

  answer(listener: Listener): Promise<Answer> | undefined {
    if (this.#first === undefined && this.#application === undefined) {
      clearTimeout(this.#hint);
      this.#first = listener;
      this.#listening({
        description: this.#shown,
        serve: (sockets, settings) => this.#serve(listener, sockets, settings),
      });
      return new Promise((resolve) => {
        this.#giveSockets = resolve;
      });
    }
    return this.#given !== undefined && this.#isAlias(listener, this.#given)
      ? Promise.resolve({ ...this.#given, isAlias: true })
      : undefined;
  }

  serving(backend: BackendServer): void {
    this.#serving(backend);
  }

  cannotServe(error: unknown): void {
    this.#cannotServe(error);
  }

  async #serve(listener: Listener, sockets: readonly ListeningSocket[], settings: Settings): Promise<Served> {
    const tls = settings.tls !== undefined && listener.forWorkers === true ? 'TLS for workers' : undefined;
    const absent = tls ?? settings.notForPrograms;
    if (absent !== undefined) {
      throw new ChaussetteError(
        'CHAUSSETTE_ERR_USAGE',
        `${this.#shown} listens by itself, without ${absent}`,
        {
          hint: `Export the application, and name it: ${absent} is not there for programs.`,
        },
      );
    }
    const got = sockets.map(({ display }) => display).join(', ');
    const note = `${this.#shown} asked to listen on ${listener.asked} and serves on ${got}; --no-monkey turns that off`;
    const secure = listener.backend === 'http' ? await handshakesOf(settings) : undefined;
    return await new Promise((resolve, reject) => {
      this.#serving = (backend) => resolve({ backend, backendName: listener.backend, note });
      this.#cannotServe = reject;
      this.#given = { ...settings, ...(secure === undefined ? {} : { secure }), sockets, isAlias: false };
      this.#giveSockets(this.#given);
    });
  }

  /** Whether it asks for what is served already: the port of our socket, read from `address()` (Fastify does it for the
   *  other addresses of localhost), or, where an exported application is served, a socket for that one. */
  #isAlias({ server, port }: Listener, { sockets }: Answer): boolean {
    if (this.#application !== undefined) {
      const listeners: unknown[] = server instanceof EventEmitter ? server.listeners('request') : [];
      return server === this.#application || listeners.includes(this.#application);
    }
    const loaded = loadAddon();
    if (port === undefined || port === 0 || 'reason' in loaded) return false;
    return sockets.some(({ fd }) => {
      const info = loaded.addon.inspect(fd);
      return typeof info !== 'number' && info.port === port;
    });
  }

  #tellHint(): void {
    this.#warn(
      `${this.#shown} has neither exported an application nor listened for ${hintMs / 1000} s; waiting for it. ` +
        'An application is exported as app, application, handler or default; a program calls listen().',
    );
  }
}

/** TLS of the command, for a server of node:http. */
async function handshakesOf({ tls, limits }: Settings): Promise<Answer['secure']> {
  if (tls === undefined) return undefined;
  const { TlsFront } = await import('../backends/http-tls.js');
  return (begin) => new TlsFront(tls, limits.headMs, begin, ['http/1.1']);
}

/** Whether a module has loaded, and only lacks an application. */
function isMissing(error: unknown): boolean {
  const codes: readonly string[] = ['CHAUSSETTE_ERR_APP_NO_EXPORT', 'CHAUSSETTE_ERR_APP_INVALID'];
  return error instanceof ChaussetteError && codes.includes(error.code);
}

/** With --no-monkey: say of a module that exports no application when it has opened a socket instead.
 *  @throws {ChaussetteError} always. */
export async function explainListening(error: unknown): Promise<never> {
  await new Promise(setImmediate); // listen() looks a name up first.
  const listens = process.getActiveResourcesInfo().some((name) => /^(?:TCP|Pipe)Server/i.test(name));
  if (!listens || !(error instanceof ChaussetteError) || !isMissing(error)) throw error;
  throw new ChaussetteError(error.code, `${error.message}; it listens by itself`, {
    cause: error,
    hint: 'Leave --no-monkey out: then the first server of a program that listens gets the socket of chaussette.',
  });
}

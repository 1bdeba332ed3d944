import { executionAsyncId, triggerAsyncId } from 'node:async_hooks';
import type { AccessLog } from './access-log/access-log.js';
import { type Hook, loadHook, runHook } from './app/hooks.js';
import { loadOne } from './app/load-one.js';
import { explainListening, type ListeningProgram, Program, type Settings } from './app/program.js';
import { checkCapabilities, chooseBackend } from './backend-choice.js';
import type {
  Backend,
  BackendServer,
  BackendStats,
  ListeningSocket,
  OpenRequest,
} from './backends/backend.js';
import { pasteLayers, readOptions } from './config.js';
import { ChaussetteError } from './errors.js';
import type { Exchange, Handler } from './exchange.js';
import { handlerFor, installLightResponse, splitInterface } from './interfaces/index.js';
import { describeError, Log } from './log.js';
import { countRequests } from './max-requests.js';
import type { Options } from './options.js';
import { behindProxies, notForPrograms, proxyPeersOf } from './proxies/options.js';
import { checkAccessLog, delayDrain, limitsOf, openAccessLog, startBackend } from './server-parts.js';
import { snapshotLines } from './snapshot.js';
import { BoundSockets } from './sockets/bind.js';
import { adoptAll, checkAll, placesOf } from './sockets/places.js';
import { type Activation, takeActivation } from './sockets/systemd.js';
import type { StatusListener } from './status/listener.js';
import type { ThreadPool } from './threads/pool.js';
import { renewTls, tlsOf } from './tls/options.js';

/** What `serve` takes: the options of the command in camelCase, durations in seconds, sizes in bytes. */
export interface ServeOptions
  extends Partial<
    Omit<Options, 'check' | 'completion' | 'config' | 'help' | 'listBackends' | 'useReloader' | 'version'>
  > {
  /** An import string, or the application itself; the built-in hello application when left out. */
  readonly app?: unknown;
}

/** What a server is made of, parsed. */
export interface ServerSetup {
  readonly options: Options;
  /** An import string, the application itself, or undefined for the built-in one. */
  readonly application: unknown;
  readonly arguments: readonly string[];
  readonly log: Log;
  /** Sockets that somebody else opened and keeps, for a worker thread or a process under the reloader. Called when the
   *  application has loaded. */
  readonly sockets?: (description: string) => Promise<readonly ListeningSocket[]>;
  /** The same for `--status`. */
  readonly statusSockets?: readonly ListeningSocket[];
  /** A worker thread leaves the lines of the start to the main thread. */
  readonly quiet?: true;
  /** The main thread asks for measures. */
  readonly measured?: boolean;
  /** What session tickets are made of where no option says: the same in all threads. */
  readonly ticketSecret?: Uint8Array | undefined;
  /** Whether an import string may name a program that listens by itself: the whole process is the server's. */
  readonly programs?: boolean;
}

interface LoadedHandler {
  /** The application, as its module exports it. */
  readonly exported: unknown;
  readonly handler: Handler;
  readonly description: string;
}

/** Where a server is in its life. `draining`: it accepts nothing new and answers what is in flight. */
export type ServerState = 'idle' | 'starting' | 'serving' | 'draining' | 'closed';

const noStats: BackendStats = { connections: 0, inFlight: 0, requests: 0 };

/** One application on its sockets: idle ▶ starting ▶ serving ▶ draining ▶ closed.
 *
 *  The order of the start is what managers and applications rely on: inherited sockets are checked and taken away
 *  from descriptors 0 to 2 before any code of the application runs; our own are bound when that code has loaded. */
export class Server {
  readonly #setup: ServerSetup;
  readonly #bound = new BoundSockets();
  #state: ServerState = 'idle';
  #sockets: readonly ListeningSocket[] = [];
  #backend: BackendServer | undefined;
  #postHook: Hook | undefined;
  #program: Program | undefined;
  #closing: Promise<{ readonly cut: number }> | undefined;
  #threads: ThreadPool | undefined;
  #status: StatusListener | undefined;
  #accessLog: AccessLog | undefined;
  /** Where the application is, once it has loaded; undefined for one that was given as an object. */
  file: string | undefined;
  #exhaust: (() => void) | undefined;
  /** Resolves when it has had its `maxRequests`; it goes on serving until it is closed. Threads are replaced instead. */
  readonly exhausted = new Promise<void>((resolve) => {
    this.#exhaust = resolve;
  });

  constructor(setup: ServerSetup) {
    this.#setup = setup;
  }

  /** Where it is in its life. */
  get state(): ServerState {
    return this.#state;
  }

  /** Where it serves, as people read it: `127.0.0.1:8080`. */
  get addresses(): readonly string[] {
    return this.#sockets.map(({ display }) => display);
  }

  /** What it has done and is doing, of all threads; zeros before the start. */
  stats(): BackendStats {
    return this.#backend?.stats() ?? noStats;
  }

  /** @internal What serves, when it does. */
  get backend(): BackendServer | undefined {
    return this.#backend;
  }

  /** What is in flight now, of every thread. */
  async openRequests(): Promise<readonly OpenRequest[]> {
    return (await this.#backend?.openRequests?.()) ?? [];
  }

  /** Connections, counters, and what is in flight with its age.
   *  @returns Lines for people. */
  async snapshot(): Promise<readonly string[]> {
    const open = await this.openRequests(); // First: with threads the counters come with it.
    return snapshotLines(this.#state, this.stats(), open);
  }

  /** Resolves when every thread has answered; as long as one is blocked, it does not. */
  async respond(): Promise<void> {
    await this.#threads?.respond();
  }

  /** Open the log file and read the certificates again: after logrotate(8), or a renewal. */
  reload(): void {
    const { log, options, ticketSecret } = this.#setup;
    log.reopen();
    this.#accessLog?.reopen();
    if (this.#threads !== undefined) this.#threads.reload();
    else if (this.#backend !== undefined) void renewTls(this.#backend, options, log, ticketSecret);
  }

  /** Load, bind and serve. After an error nothing is left open that we opened.
   *  @throws {ChaussetteError} of every code with an exit status from 2 to 6. */
  async start(): Promise<void> {
    const { options, log, sockets: provided, quiet } = this.#setup;
    this.#state = 'starting';
    const resolving = chooseBackend(options);
    resolving.catch(() => {}); // Reported below, in its turn.
    try {
      const activation =
        provided === undefined ? takeActivation(process.env, process.pid) : { sockets: [], absence: '' };
      const places = provided === undefined ? placesOf(options, activation) : [];
      await this.#openStatus(activation);
      this.#accessLog = await openAccessLog(options, log);
      const inherited = adoptAll(places, options);
      const loaded = options.threads > 1 ? await this.#loadInThreads() : await this.#loadOrListen(resolving);
      const { backend, note } = await resolving;
      checkCapabilities(backend, options, places);
      await this.#runPreHook();
      await this.#bound.bind(places, options);
      const tls = await tlsOf(options, log, this.#setup.ticketSecret);
      const proxies = await proxyPeersOf(options);
      const given = await provided?.(loaded.description);
      this.#sockets = given ?? [...inherited, ...this.#bound.sockets];
      const settings: Settings = {
        limits: limitsOf(options),
        tls,
        proxies,
        notForPrograms: notForPrograms(options),
        counted: (handler) => this.#counted(handler),
        watch: {
          requests: this.#accessLog,
          measured: options.status !== undefined || this.#setup.measured === true,
        },
      };
      const program = 'serve' in loaded ? await loaded.serve(this.#sockets, settings) : undefined;
      if ('handler' in loaded) {
        this.#program?.exports(loaded.exported, this.#sockets, settings);
        const { handler } = loaded;
        this.#backend = await startBackend(backend, this.#sockets, handler, settings, log);
      } else {
        this.#backend = program?.backend ?? (await this.#threads?.serve(this.#sockets));
      }
      this.#bound.sockets.length = 0; // The backend's own from here on.
      this.#state = 'serving';
      if (quiet) return;
      log.info(`Application is ${loaded.description}`);
      log.info(`Serving on ${this.addresses.join(', ')}`);
      log.info(`Using ${program?.backendName ?? backend.name} as a backend`);
      if (program !== undefined) log.info(program.note);
      if (options.threads > 1) log.info(`Running ${options.threads} threads`);
      if (note !== undefined) log.warning(note);
    } catch (error) {
      await this.#threads?.abandon();
      this.#bound.close();
      this.#status?.close();
      this.#accessLog?.close();
      this.#state = 'closed';
      await this.#runPostHook().catch((failure) => log.error(describeError(failure)));
      throw error;
    }
  }

  /** From here on it can be seen that the server is about to start. */
  async #openStatus(activation: Activation): Promise<void> {
    const { options, log, statusSockets } = this.#setup;
    if (options.status === undefined) return;
    const { StatusListener } = await import('./status/listener.js');
    this.#status = new StatusListener(this, log);
    await this.#status.open(options, activation, statusSockets);
  }

  /** Load and validate all, and touch nothing: no hook runs, no socket is opened or changed.
   *  @returns Lines for people.
   *  @throws {ChaussetteError} as `start`. */
  async check(): Promise<readonly string[]> {
    const { options } = this.#setup;
    const places = placesOf(options, takeActivation(process.env, process.pid));
    checkAll(places, options);
    const resolving = chooseBackend(options);
    resolving.catch(() => {}); // Reported below, in its turn.
    const { description } = await this.#loadOrListen(resolving);
    const { backend, note } = await resolving;
    checkCapabilities(backend, options, places);
    if (options.preHook !== undefined) await loadHook('--pre-hook', options.preHook, options);
    if (options.postHook !== undefined) await loadHook('--post-hook', options.postHook, options);
    await tlsOf(options, this.#setup.log);
    await proxyPeersOf(options);
    await checkAccessLog(options);
    const lines = [`Application is ${description}`, `Backend is ${backend.name}`];
    return note === undefined ? lines : [...lines, note];
  }

  /** Stop accepting, after `drainDelay`, and wait for open exchanges to end, then run the post-hook.
   *  @param options `drainMs`: longest wait in milliseconds, 0 cuts at once. Default: `gracefulTimeout`.
   *  @returns The number of requests that were cut; the same promise at each call.
   *  @throws {ChaussetteError} CHAUSSETTE_ERR_NOT_SERVING before the start; CHAUSSETTE_ERR_HOOK.
   *  @see RFC 9112 §9.6 */
  close(options: { readonly drainMs?: number } = {}): Promise<{ readonly cut: number }> {
    this.#closing ??= this.#close(options.drainMs ?? this.#setup.options.gracefulTimeout * 1000);
    return this.#closing;
  }

  async #close(drainMs: number): Promise<{ readonly cut: number }> {
    if (this.#backend === undefined) {
      throw new ChaussetteError('CHAUSSETTE_ERR_NOT_SERVING', `the server is ${this.#state}, not serving`);
    }
    this.#state = 'draining';
    if (drainMs > 0) await delayDrain(this.#backend, this.#setup.options);
    this.#bound.unlink();
    if (drainMs > 0 && this.#sockets.some(({ shared }) => shared === false)) {
      const { finishHandshakes } = await import('./sockets/own-queue.js');
      await finishHandshakes(this.#sockets);
    }
    const { cut } = await this.#backend.close(drainMs);
    this.#accessLog?.close();
    this.#state = 'closed';
    this.#status?.close();
    await this.#runPostHook();
    return { cut };
  }

  /** For an uncaughtException handler: the open exchange whose handler threw, also from a timer or a callback that it
   *  started itself. Further down the chain Node does not tell. */
  throwingExchange(): Exchange | undefined {
    return this.#backend?.exchangeOf(triggerAsyncId()) ?? this.#backend?.exchangeOf(executionAsyncId());
  }

  /** Leave at once, in whatever state: unlink what we bound and run the post-hook. The process ends afterwards, and
   *  that is what cuts the connections.
   *  @returns The number of requests that are cut by this. */
  async abandon(): Promise<{ readonly cut: number }> {
    this.unlink();
    const cut = this.#threads === undefined ? this.stats().inFlight : await this.#threads.endNow();
    this.#state = 'closed';
    await this.#runPostHook();
    return { cut };
  }

  /** Remove the files of the Unix sockets that we bound; for an end of the process that we did not ask for. */
  unlink(): void {
    this.#bound.unlink();
    this.#status?.unlink();
  }

  async #loadInThreads(): Promise<{ readonly threads: ThreadPool; readonly description: string }> {
    const { ThreadPool, requireImportString } = await import('./threads/pool.js');
    const application = requireImportString(this.#setup.application);
    this.#threads = new ThreadPool({ ...this.#setup, application });
    const { description, file } = await this.#threads.load();
    this.file = file;
    return { threads: this.#threads, description };
  }

  /** Whether it is a program, which ends when it has nothing more to do. */
  get isProgram(): boolean {
    return this.#program?.hasListened === true;
  }

  /** Nobody has caught `error`. @returns Whether it ends the start of a program. */
  failStart(error: unknown): boolean {
    return this.#program?.failed(error) === true;
  }

  /** What the module exports, or the program that listens: whichever is there first. */
  async #loadOrListen(resolving: Promise<{ backend: Backend }>): Promise<LoadedHandler | ListeningProgram> {
    const { programs, application, log, options } = this.#setup;
    const isSpec = programs === true && typeof application === 'string';
    const other = options.interface === 'fetch' || options.interface === 'wsgi';
    if (!isSpec || other || splitInterface(application).interface !== undefined) return await this.#load();
    if (options.noMonkey) return await this.#load().catch(explainListening);
    const program = new Program((message) => log.warning(message));
    this.#program = program;
    const loading = this.#load(async (shown) => {
      const { backend } = await resolving;
      await program.expect(shown, backend.name === 'native', options.tlsCert !== undefined);
    });
    return await Promise.race([program.listened, loading.catch((error) => program.orListens(error))]);
  }

  /** The light Response comes first: an application takes the global one while its modules load. */
  async #load(beforeProgram?: (shown: string) => Promise<void>): Promise<LoadedHandler> {
    const { options, application } = this.#setup;
    if (!options.noMonkey) installLightResponse();
    if (options.mount.length > 0) {
      const { loadMounted } = await import('./app/mounted.js');
      const mounted = await loadMounted(application, options, this.#setup.arguments);
      return {
        exported: undefined,
        handler: this.#counted(await behindProxies(mounted.handler, options)),
        description: mounted.description,
      };
    }
    const loaded = await loadOne(application, options, this.#setup.arguments, beforeProgram);
    // The loader has put it there, as a Node program sees it.
    if (typeof application === 'string') this.file = process.argv[1];
    const { exported, description } = loaded;
    const handler = await behindProxies(handlerFor(loaded.application), options);
    return { exported, handler: this.#counted(handler), description };
  }

  #counted(handler: Handler): Handler {
    return countRequests(handler, this.#setup.options, () => this.#exhaust?.());
  }

  /** The post-hook is loaded before the pre-hook runs, so that its absence stops the start. */
  async #runPreHook(): Promise<void> {
    const { options } = this.#setup;
    const { preHook, postHook } = options;
    const post = postHook === undefined ? undefined : await loadHook('--post-hook', postHook, options);
    if (preHook !== undefined) {
      const hook = await loadHook('--pre-hook', preHook, options);
      await runHook('--pre-hook', preHook, hook, options);
    }
    this.#postHook = post;
  }

  /** Once: whoever comes first, the end of the drain or an impatient signal. */
  async #runPostHook(): Promise<void> {
    const { options } = this.#setup;
    const hook = this.#postHook;
    this.#postHook = undefined;
    if (hook !== undefined) await runHook('--post-hook', options.postHook ?? '', hook, options);
  }
}

/** Serve an application, as the command does; without the signals, which belong to the process.
 *  @param options The options of the command in camelCase: durations in seconds, sizes in bytes, and their defaults.
 *  `app`: an import string, or the application itself.
 *  @returns Resolves when the server accepts connections.
 *  @throws {ChaussetteError} as a rejection, of every code with an exit status from 2 to 6; nothing is left open.
 *  @example const server = await serve({ app: (req, res) => res.end('hi'), bind: ['127.0.0.1:8080'] });
 *  await server.close({ drainMs: 10_000 });
 *  @see docs/options.md */
export async function serve(options: ServeOptions = {}): Promise<Server> {
  const { app: application, ...given } = options;
  const parsed = readOptions(given, await pasteLayers(application));
  const server = new Server({ options: parsed, application, arguments: [], log: new Log(parsed) });
  await server.start();
  return server;
}

/** Write to the log what no handler caught: the process goes on serving the other requests.
 *  A broken standard output or error, when the manager has died, is no news.
 *  @param exchange Whose handler threw, when that is known: its client gets 500, or a closed connection. */
export function reportUncaught(error: unknown, log: Log, exchange?: Exchange): void {
  if (error instanceof Error && 'code' in error && error.code === 'EPIPE') return;
  if (exchange === undefined) log.failure('Uncaught', error);
  else exchange.fail(error);
}

import { readdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { watch } from 'chokidar';
import type { BackendStats, ListeningSocket } from '../backends/backend.js';
import type { Log } from '../log.js';
import { descriptors } from '../native/binding.js';
import type { Options } from '../options.js';
import type { ServerState } from '../server.js';
import { BoundSockets } from '../sockets/bind.js';
import { adoptAll, placesOf } from '../sockets/places.js';
import { takeActivation } from '../sockets/systemd.js';
import { ReloadedProcess } from './reloaded-process.js';

/** An editor may write a file in several steps, and a checkout many files: quiet for so long means that it is done. */
const quietMs = 100;

/** What an application is made of. Its data may lie beside it: a log or an upload is no reason to start anew. */
const sourcePattern = /\.(?:[cm]?[jt]sx?|json|node|wasm|ini)$/;

/** The command with `--use-reloader`: it keeps the sockets open and serves nothing itself. A process of its own runs
 *  the application; when a file changes, another one is started, and the one before ends when that one serves.
 *
 *  Lifetime: that of the command. When it dies, its process notices by the end of their channel, and ends too. */
export class Reloader {
  readonly #options: Options;
  readonly #log: Log;
  readonly #bound = new BoundSockets();
  readonly #boundStatus = new BoundSockets();
  #sockets: readonly ListeningSocket[] = [];
  #statusSockets: readonly ListeningSocket[] = [];
  #state: ServerState = 'idle';
  #current: ReloadedProcess | undefined;
  #starting: ReloadedProcess | undefined;
  #watcher: ReturnType<typeof watch> | undefined;
  readonly #watched = new Set<string>();
  readonly #changed = new Set<string>();
  #quiet: NodeJS.Timeout | undefined;
  #end: ((status: number) => void) | undefined;
  /** The exit status of the process, when it ends although no other one takes its place. */
  readonly exited = new Promise<number>((done) => {
    this.#end = done;
  });
  /** Never: its process counts. */
  readonly exhausted = new Promise<void>(() => {});

  constructor(options: Options, log: Log) {
    this.#options = options;
    this.#log = log;
  }

  get state(): ServerState {
    return this.#state;
  }

  get addresses(): readonly string[] {
    return this.#sockets.map(({ display }) => display);
  }

  /** Open the sockets and start the application.
   *  @returns Resolves when it serves. When it ends before, `exited` does.
   *  @throws {ChaussetteError} CHAUSSETTE_ERR_SOCKET, CHAUSSETTE_ERR_BIND; CHAUSSETTE_ERR_BACKEND without the addon,
   *  which is what can hand sockets on. */
  async start(): Promise<void> {
    descriptors();
    this.#state = 'starting';
    const activation = takeActivation(process.env, process.pid);
    const places = placesOf(this.#options, activation);
    const inherited = adoptAll(places, this.#options);
    await this.#bound.bind(places, this.#options);
    this.#sockets = [...inherited, ...this.#bound.sockets];
    if (this.#options.status !== undefined) {
      const { openStatusSockets } = await import('../status/listener.js');
      this.#statusSockets = await openStatusSockets(this.#options, activation, this.#boundStatus);
    }
    const first = this.#spawn();
    this.#current = first;
    if (!(await first.serves)) return await new Promise(() => {});
    this.#state = 'serving';
    await this.#watch(first.file);
  }

  /** Let the application drain. @returns When its process has ended; `exited` tells how. */
  async close(): Promise<{ readonly cut: number }> {
    this.#state = 'draining';
    clearTimeout(this.#quiet);
    await this.#watcher?.close();
    this.unlink();
    // The last descriptor of a socket of ours is that of the process: what waits in its queue is answered there.
    for (const { fd } of this.#sockets) descriptors().close(fd);
    return await this.#stop('SIGTERM');
  }

  /** End now. */
  async abandon(): Promise<{ readonly cut: number }> {
    this.#state = 'closed';
    this.unlink();
    return await this.#stop('SIGQUIT');
  }

  unlink(): void {
    this.#bound.unlink();
    this.#boundStatus.unlink();
  }

  reload(): void {
    this.#log.reopen();
    this.#current?.signal('SIGHUP');
  }

  /** The process writes its own. */
  async snapshot(): Promise<readonly string[]> {
    this.#current?.signal('SIGUSR2');
    return [];
  }

  stats(): BackendStats {
    return { connections: 0, inFlight: 0, requests: 0 };
  }

  /** Resolves when the process has answered. */
  async respond(): Promise<void> {
    await this.#current?.respond();
  }

  throwingExchange(): undefined {
    return undefined;
  }

  /** Its process may run one. */
  readonly isProgram = false;

  failStart(): boolean {
    return false;
  }

  async #stop(signal: NodeJS.Signals): Promise<{ readonly cut: number }> {
    for (const process of [this.#starting, this.#current]) {
      process?.signal(signal);
      await process?.ended;
    }
    return { cut: 0 };
  }

  #spawn(): ReloadedProcess {
    const child = new ReloadedProcess(this.#sockets, this.#statusSockets);
    child.ended.then((status) => {
      // Whoever ends without a successor ends the command, as the Python program does. One that starts is let go.
      if (this.#current !== child) return;
      this.#starting?.kill();
      this.#end?.(status);
    });
    return child;
  }

  /** Start the application anew. The one before serves until the new one does. */
  async #replace(): Promise<void> {
    const changes = [...this.#changed];
    this.#changed.clear();
    this.#log.info(`Starting anew: ${changes.slice(0, 5).join(', ')} changed`);
    this.#starting?.kill(); // It has loaded what is outdated by now.
    const next = this.#spawn();
    this.#starting = next;
    const serves = await next.serves;
    if (this.#starting !== next) return;
    this.#starting = undefined;
    if (this.#state !== 'serving') return;
    if (!serves) {
      this.#log.error(
        `The application could not be started (exit code ${await next.ended}): the one before goes on serving`,
      );
      return;
    }
    const before = this.#current;
    this.#current = next;
    before?.signal('SIGTERM');
    this.#watchMore(next.file);
  }

  async #watch(file: string | undefined): Promise<void> {
    this.#watcher = watch([], {
      ignoreInitial: true,
      ignored: (path, stats) =>
        /\/(?:node_modules|\.[^/]+)$/.test(path) || (stats?.isFile() === true && !sourcePattern.test(path)),
    });
    this.#watcher.on('all', (_, path) => this.#onChange(path));
    this.#watcher.on('error', (error) => this.#log.warning(`Files cannot be watched: ${String(error)}`));
    const ready = new Promise<void>((done) => this.#watcher?.on('ready', () => done()));
    this.#watchMore(file);
    await ready;
    this.#log.info(`Watching ${[...this.#watched].join(', ')}`);
  }

  #watchMore(file: string | undefined): void {
    const { modulePath, config } = this.#options;
    const places = [...modulePath, ...(config === undefined ? [] : [config])].map((path) => resolve(path));
    if (file !== undefined && !file.includes('/node_modules/')) places.push(packageOf(file));
    for (const place of places) {
      if (this.#watched.has(place)) continue;
      this.#watched.add(place);
      this.#watcher?.add(place);
    }
  }

  #onChange(path: string): void {
    if (!sourcePattern.test(path) && path !== resolve(this.#options.config ?? '.')) return;
    this.#changed.add(path);
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => {
      this.#replace();
    }, quietMs);
  }
}

/** The directory of the package that a file belongs to, or its own when there is none. */
function packageOf(file: string): string {
  for (let directory = dirname(file); ; directory = dirname(directory)) {
    if (readdirSync(directory).includes('package.json')) return directory;
    if (directory === dirname(directory)) return dirname(file);
  }
}

import { connect, type NetConnectOpts, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';

/** One request that was not answered as it should have been. */
export interface LoadFailure {
  /** The client's own port, by which the server side of the connection is found; 0 on a Unix socket. */
  readonly port: number;
  /** Whether the connection had been answered before. */
  readonly reused: boolean;
  /** Whether the server closed it in order, without a byte of a response. */
  readonly closedIdle: boolean;
  readonly detail: string;
}

interface Answer {
  readonly pid: number;
  readonly thread: number;
  readonly remote: string;
  readonly close: boolean;
}

/** Requests in a closed loop, on keep-alive connections and on connections for one request each. Every answer is
 *  compared with its request by a token, and counted for the process that gave it. The application is
 *  test/managers/apps/who.js.
 *
 *  A client may meet the end of an idle connection with its next request (RFC 9112 §9.3.1, §9.5). It sends that again,
 *  once, on a new connection, in this case only: the request is safe (GET), the connection had been answered before,
 *  and the server closed it in order (no reset) before the first byte of a response. That is counted in `repeated`;
 *  everything else that is not a whole and right answer is a failure: a refused connection, a reset, a response that
 *  was cut, and a second close.
 *
 *  Lifetime: from `new` until `stop()` resolved, or the test that it belongs to has ended. */
export class Load {
  readonly failures: LoadFailure[] = [];
  answered = 0;
  /** Requests that were sent a second time, as above. */
  repeated = 0;
  readonly byPid = new Map<number, number>();
  /** Answers by the id of the worker thread; 0 is the main thread. */
  readonly byThread = new Map<number, number>();
  /** Answers by the address of the client, as the application sees it. */
  readonly byRemote = new Map<string, number>();
  private readonly target: NetConnectOpts;
  private readonly path: string;
  private readonly secure: ConnectionOptions | undefined;
  private readonly loops: Promise<void>[] = [];
  private readonly clients = new Set<Client>();
  private readonly waiting: { readonly met: () => boolean; readonly resolve: () => void }[] = [];
  private stopped = false;
  private token = 0;

  /** @param path Where to; `token=` is added to it. @param secure Over TLS. */
  constructor(
    t: TestContext,
    target: NetConnectOpts,
    options: {
      readonly keepAlive: number;
      readonly fresh: number;
      readonly path?: string;
      readonly secure?: ConnectionOptions;
    },
  ) {
    this.target = target;
    this.path = options.path ?? '/?';
    this.secure = options.secure;
    t.after(() => this.cut());
    for (let n = 0; n < options.keepAlive; n += 1) this.loops.push(this.loop(true));
    for (let n = 0; n < options.fresh; n += 1) this.loops.push(this.loop(false));
  }

  /** Wait until `met()`, looked at after every request.
   *  @throws when that takes longer than `ms`. */
  async until(what: string, met: () => boolean, ms = 60_000): Promise<void> {
    if (met()) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms; ${this.summary}`)), ms);
    });
    const event = new Promise<void>((resolve) => this.waiting.push({ met, resolve }));
    try {
      await Promise.race([event, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Wait for so many answers more. */
  more(count: number): Promise<void> {
    const goal = this.answered + count;
    return this.until(`${count} more answers`, () => this.answered >= goal);
  }

  /** End every loop after its request.  */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.loops);
  }

  /** For a test that failed: leave no loop behind that would keep its process. */
  private cut(): void {
    this.stopped = true;
    for (const client of this.clients) client.close();
  }

  get summary(): string {
    const pids = [...this.byPid].map(([pid, count]) => `${pid}: ${count}`).join(', ');
    const failed = this.failures.map((f) => `port ${f.port}: ${f.detail}`).join('; ');
    return `${this.answered} answered (${pids}), ${this.repeated} repeated, ${this.failures.length} failed (${failed})`;
  }

  /** For people: nothing was lost when the last one is 0. */
  get numbers(): string {
    return `${this.answered} answered by ${this.byPid.size} processes, ${this.repeated} repeated, ${this.failures.length} failed`;
  }

  private async loop(keepAlive: boolean): Promise<void> {
    let again: string | undefined;
    while (!this.stopped || again !== undefined) {
      const client = new Client(this.target, this.secure);
      this.clients.add(client);
      do {
        const token: string = again ?? String(++this.token);
        try {
          const answer = await client.request(`${this.path}&token=${token}`, token, keepAlive);
          again = undefined;
          this.answered += 1;
          this.byPid.set(answer.pid, (this.byPid.get(answer.pid) ?? 0) + 1);
          this.byRemote.set(answer.remote, (this.byRemote.get(answer.remote) ?? 0) + 1);
          this.byThread.set(answer.thread, (this.byThread.get(answer.thread) ?? 0) + 1);
          if (answer.close) break;
        } catch (error) {
          const failure = client.failure(error);
          if (failure.reused && failure.closedIdle) {
            this.repeated += 1;
            again = token;
          } else {
            this.failures.push(failure);
            again = undefined;
          }
          break;
        } finally {
          this.wake();
        }
      } while (keepAlive && !this.stopped);
      client.close();
      this.clients.delete(client);
    }
  }

  private wake(): void {
    for (let at = this.waiting.length - 1; at >= 0; at -= 1) {
      const entry = this.waiting[at];
      if (entry?.met()) {
        this.waiting.splice(at, 1);
        entry.resolve();
      }
    }
  }
}

const answerMsMax = 60_000;

/** One connection, one request at a time. */
class Client {
  private readonly socket: Socket;
  private port = 0;
  private received = '';
  private answers = 0;
  private ended: Error | undefined;
  private orderly = false;
  private wake: (() => void) | undefined;

  constructor(target: NetConnectOpts, secure: ConnectionOptions | undefined) {
    this.socket = secure === undefined ? connect(target) : connectTls({ ...target, ...secure });
    this.socket.setEncoding('latin1');
    this.socket.on('connect', () => {
      this.port = this.socket.localPort ?? 0;
    });
    this.socket.on('data', (data) => {
      this.received += String(data);
      this.wake?.();
    });
    this.socket.on('end', () => {
      this.orderly = true;
      this.end(new Error('closed by the server'));
    });
    this.socket.on('error', (error) => this.end(error));
    this.socket.on('close', () => this.end(new Error('closed')));
    this.socket.setTimeout(answerMsMax, () => this.end(new Error(`no answer in ${answerMsMax} ms`)));
  }

  async request(path: string, token: string, keepAlive: boolean): Promise<Answer> {
    const connection = keepAlive ? '' : 'Connection: close\r\n';
    this.received = '';
    this.socket.write(`GET ${path} HTTP/1.1\r\nHost: who\r\n${connection}\r\n`);
    for (;;) {
      const answer = this.parse(token);
      if (answer !== undefined) return answer;
      if (this.ended !== undefined) throw this.ended;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  failure(error: unknown): LoadFailure {
    const message = error instanceof Error ? error.message : String(error);
    return {
      port: this.port,
      reused: this.answers > 0,
      closedIdle: this.orderly && this.received === '',
      detail: `${message} after ${this.answers} answers and ${this.received.length} bytes`,
    };
  }

  close(): void {
    this.socket.destroy();
  }

  private end(error: Error): void {
    this.ended ??= error;
    this.wake?.();
  }

  /** @returns undefined while the response is not complete. */
  private parse(token: string): Answer | undefined {
    const headEnd = this.received.indexOf('\r\n\r\n');
    if (headEnd < 0) return undefined;
    const head = this.received.slice(0, headEnd).toLowerCase();
    const length = Number(/\r\ncontent-length: *(\d+)/.exec(head)?.[1] ?? Number.NaN);
    const body = this.received.slice(headEnd + 4);
    if (!head.startsWith('http/1.1 200 ') || Number.isNaN(length)) throw new Error(`bad head: ${head}`);
    if (body.length < length) return undefined;
    const answer = JSON.parse(body) as { pid: number; thread: number; token: string; remote?: string };
    if (body.length > length || answer.token !== token) throw new Error(`wrong answer to ${token}: ${body}`);
    this.answers += 1;
    const { pid, thread, remote = '' } = answer;
    return { pid, thread, remote, close: /\r\nconnection: *close/.test(head) };
  }
}

/** Ask on new connections, `width` at a time, until `count` different processes have answered.
 *  @returns Their process ids. @throws when they have not within a minute. */
export async function processesThatAnswer(
  t: TestContext,
  target: NetConnectOpts,
  count: number,
  width = 12,
): Promise<number[]> {
  const load = new Load(t, target, { keepAlive: 0, fresh: width, path: '/busy?ms=2' });
  try {
    await load.until(`${count} different processes`, () => load.byPid.size >= count);
  } finally {
    await load.stop();
  }
  if (load.failures.length > 0) throw new Error(load.summary);
  return [...load.byPid.keys()];
}

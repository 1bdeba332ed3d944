import { writeSync } from 'node:fs';
import { parseCommand } from './config.js';
import { ChaussetteError } from './errors.js';
import { helpText, versionText } from './help.js';
import { createLife, findNotifier, type Life } from './life.js';
import { Log } from './log.js';
import { reportUncaught, Server } from './server.js';
import type { Notifier } from './sockets/notify.js';

/** The exit codes, which `--help` lists as well (lib/help.ts): those of 2 to 6 are in lib/errors.ts. */
const clean = 0;
const unexpected = 1;
const requestsCut = 7;

/** The command: parse, serve until a signal, end the process. It is the only place that does.
 *  @param argv Without node and the script. */
export async function main(argv: readonly string[]): Promise<never> {
  try {
    return process.exit(await run(argv));
  } catch (error) {
    return process.exit(explain(error));
  }
}

/** @returns The exit status; of a server that started, when it has ended. */
async function run(argv: readonly string[]): Promise<number> {
  const command = await parseCommand(argv, process.env);
  const { options } = command;
  if (options.help) return await print(helpText());
  if (options.version) return await print(`${versionText()}\n`);
  if (options.listBackends) {
    const { backendsText } = await import('./backend-listing.js');
    return await print(await backendsText());
  }
  if (options.completion !== undefined) {
    const [{ completionText }, { backendNames }] = await Promise.all([
      import('./completion.js'),
      import('./backends/registry.js'),
    ]);
    return await print(completionText(options.completion, backendNames()));
  }

  const log = new Log(options);
  if (options.check) {
    const lines = await new Server({ ...command, log, programs: true }).check();
    return await print(`${lines.join('\n')}\nNothing was bound: --check\n`);
  }
  const notifier = await findNotifier(log);
  const server = await createLife(command, log);

  process.on('uncaughtException', (error) => {
    if (!endsStart(server, 'uncaughtException', error)) reportUncaught(error, log, server.throwingExchange());
  });
  process.on('unhandledRejection', (reason) => {
    if (!endsStart(server, 'unhandledRejection', reason)) reportUncaught(reason, log);
  });
  process.once('exit', () => server.unlink());
  const ended = endOnSignal(server, log, options.gracefulTimeout, notifier);
  notifier?.watch(() => server.respond());
  // A signal ends the start as well; an application may take for ever to load.
  const started = server.start().then(() => {
    notifier?.ready(server.addresses);
    return ended;
  });
  const exited = 'exited' in server ? [server.exited] : [];
  return await Promise.race([...exited, started, ended]);
}

/** Whether nobody but the command handles an error of a program that does not listen yet. */
function endsStart(server: Life, event: string, error: unknown): boolean {
  return process.listenerCount(event) === 1 && server.failStart(error);
}

/** Wait for the signals that end a server. SIGPIPE is ignored by Node itself.
 *  @returns The exit status. */
function endOnSignal(
  server: Life,
  log: Log,
  gracefulTimeout: number,
  notifier: Notifier | undefined,
): Promise<number> {
  process.on('SIGHUP', () => {
    notifier?.reloading();
    server.reload();
    notifier?.ready(server.addresses);
  });
  process.on('SIGUSR2', () => {
    server.snapshot().then((lines) => {
      for (const line of lines) log.info(line);
    });
  });
  return new Promise((resolve, reject) => {
    let interrupts = 0;
    const stopNow = (): void => {
      server.abandon().then(({ cut }) => resolve(cut === 0 ? clean : requestsCut), reject);
    };
    const stop = (signal: string): void => {
      if (server.state === 'draining') return;
      if (server.state !== 'serving') {
        stopNow();
        return;
      }
      log.info(`Stopping (${signal})`);
      notifier?.stopping();
      server.close().then(async ({ cut }) => {
        if (server.isProgram && process.listenerCount(signal) > 1) await programEnds(gracefulTimeout);
        if (cut > 0) {
          const what = cut === 1 ? '1 request was' : `${cut} requests were`;
          log.error(`${what} cut at the end of the ${gracefulTimeout} s of --graceful-timeout`);
        }
        resolve(cut === 0 ? clean : requestsCut);
      }, reject);
    };
    process.on('SIGTERM', () => stop('SIGTERM'));
    process.on('SIGINT', () => {
      interrupts += 1;
      if (interrupts === 1) stop('SIGINT');
      else stopNow();
    });
    process.on('SIGQUIT', stopNow);
    server.exhausted.then(() => stop('--max-requests'));
    process.on('beforeExit', () => {
      if (!server.isProgram || server.state !== 'serving') return;
      server.abandon().then(() => resolve(Number(process.exitCode ?? clean)), reject);
    });
  });
}

/** A program that handles the signal itself may have more to do than to answer: it ends when nothing is left. */
function programEnds(seconds: number): Promise<void> {
  return new Promise((resolve) => {
    process.once('beforeExit', () => resolve());
    setTimeout(resolve, seconds * 1000).unref();
  });
}

/** One sentence on standard error, and the hint; of a module that threw while it was loaded, its own stack.
 *  @returns The exit status. */
function explain(error: unknown): number {
  if (!(error instanceof ChaussetteError)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    complain([`chaussette: unexpected error: ${text}`]);
    return unexpected;
  }
  const lines = [`chaussette: ${error.message}`];
  const { cause } = error;
  if (error.code === 'CHAUSSETTE_ERR_APP_THREW') {
    lines.push(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
  }
  if (error.hint !== undefined) lines.push(error.hint);
  complain(lines);
  return error.exitStatus;
}

function complain(lines: readonly string[]): void {
  try {
    writeSync(2, `${lines.join('\n')}\n`);
  } catch {
    // Nobody listens: the exit status has to do.
  }
}

async function print(text: string): Promise<number> {
  await new Promise<void>((done) => {
    process.stdout.on('error', () => done());
    process.stdout.write(text, () => done());
  });
  return clean;
}

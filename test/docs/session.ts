import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { cleanEnvironment, eventually, freePort, root } from '../helpers/processes.js';
import type { Page } from './markdown.js';

/** Ports as the pages write them; each becomes one that is free. */
const documentedPort = /(?<![\d.])(?:3000|3001|5555|5556|80\d\d|8443|9[01]\d\d)(?!\d)/g;

/** Commands that take the place of a server of the page that still runs. */
const serverCommand = /\b(?:chaussette|npm start|node|supervisord|systemd-socket-activate|serve)\b/;

/** Between two looks at a command. */
const turnMs = 25;

/** So many looks at a command that neither ends nor serves: two minutes on an idle machine. */
const turnsMax = 4800;

/** What serves and has printed nothing for so many looks has printed all that it prints. */
const silentTurns = 200;

/** What a command did: it ended with a status, or it serves on. */
export interface Outcome {
  /** undefined: it serves. */
  readonly status: number | undefined;
  readonly output: string;
}

/** A reader who follows one page: a directory, a shell, and the server that runs in another terminal. Ports, and the
 *  directories that pages name, are others than written; what is printed is translated back. */
export class Session {
  readonly directory: string;
  #cwd: string;
  #environment: NodeJS.ProcessEnv = {};
  readonly #ports = new Map<string, string>();
  #server: Shell | undefined;
  readonly #home: string;

  private constructor() {
    this.#home = realpathSync(mkdtempSync(join(tmpdir(), 'chaussette-docs-')));
    this.directory = join(this.#home, 'srv/web');
    this.#cwd = this.directory;
  }

  static async open(page: Page): Promise<Session> {
    const session = new Session();
    const run = page.blocks.filter(({ notRun }) => notRun === undefined);
    const text = run.map((block) => block.text).join('\n');
    for (const [port] of text.matchAll(documentedPort)) await session.#addPort(port);
    for (const port of ['8000', '8080']) await session.#addPort(port);
    session.#furnish(/\bnpm install chaussette-server\b/.test(text));
    return session;
  }

  async #addPort(port: string): Promise<void> {
    if (!this.#ports.has(port)) this.#ports.set(port, String(await freePort()));
  }

  /** @param empty Whether the page begins with an empty folder, and installs the package itself. */
  #furnish(empty: boolean): void {
    if (empty) this.#cwd = dirname(this.directory);
    mkdirSync(empty ? this.#cwd : this.directory, { recursive: true });
    writeFileSync(join(this.#home, '.curlrc'), 'silent\nshow-error\n');
    const bin = join(this.#home, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'npm'), readFileSync(join(root, 'test/docs/npm.sh'), 'utf8'));
    chmodSync(join(bin, 'npm'), 0o755);
    symlinkSync(process.execPath, join(bin, 'node'));
    if (!empty) {
      symlinkSync(join(root, 'bin/chaussette.js'), join(bin, 'chaussette'));
      mkdirSync(join(this.directory, 'node_modules/.bin'), { recursive: true });
      symlinkSync(join(root, 'bin/chaussette.js'), join(this.directory, 'node_modules/.bin/chaussette'));
      symlinkSync(root, join(this.directory, 'node_modules/chaussette-server'));
      const plain = 'chaussette-backend-plain';
      symlinkSync(join(root, 'examples', plain), join(this.directory, 'node_modules', plain));
      symlinkSync(join(root, 'node_modules'), join(this.#home, 'node_modules'));
      symlinkSync(join(root, 'examples'), join(this.directory, 'examples'));
      const fixture = join(root, 'test/docs/fixture');
      for (const name of readdirSync(fixture)) this.write(name, readFileSync(join(fixture, name), 'utf8'));
    }
    this.#environment = cleanEnvironment({
      PATH: [bin, process.env['PATH'] ?? ''].join(':'),
      HOME: this.#home,
      DOCS_ROOT: root,
      DOCS_CWD: join(this.#home, 'cwd'),
      CHAUSSETTE_PORT: this.#ports.get('8080') ?? '',
      npm_config_update_notifier: 'false',
      npm_config_offline: 'true',
    });
  }

  /** Text of a page, as it is true here. */
  here(text: string): string {
    const ports = text.replace(documentedPort, (port) => this.#ports.get(port) ?? port);
    return ports
      .replace(/(?<![\w/])\/srv\/web\b/g, this.directory)
      .replace(/(?<![\w/])\/(?:run|etc\/(?:ssl|chaussette))\//g, `${this.#home}$&`);
  }

  /** What was printed, as a page would show it. */
  there(text: string): string {
    let back = text.replaceAll(this.directory, '/srv/web').replaceAll(this.#home, '').replaceAll('\r', '');
    for (const [written, used] of this.#ports) back = back.replaceAll(used, written);
    return back;
  }

  /** A file of the page. @returns Where it is. */
  write(name: string, text: string): string {
    const path = name.startsWith('/') ? this.here(name) : join(this.#cwd, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, this.here(text));
    if (text.startsWith('#!')) chmodSync(path, 0o755);
    return path;
  }

  /** Run one command of a shell block until it ends or serves.
   *  @param complete Whether what was printed is all that the page shows. */
  async run(command: string, complete: (output: string) => boolean = () => true): Promise<Outcome> {
    if (serverCommand.test(command) && !/--(?:check|help|version|list-backends|completion)\b/.test(command)) {
      await this.interrupt();
    }
    const inherits = /--fd 3|fd:\/\/3/.test(command);
    const logs = inherits || (/^(npx )?chaussette /.test(command) && !command.includes('--log-output'));
    const before = logs ? undefined : this.#listening();
    const parent = inherits ? ['python3', join(root, 'test/docs/inherit.py'), this.here('8000')] : [];
    const shell = new Shell(this.here(command), parent, this.#cwd, this.#environment);
    const status = await this.#endOrService(shell, before, complete);
    if (status === 'neither') {
      const processes = shell.processes();
      shell.kill('SIGKILL');
      const seen = `${processes}\nit has printed:\n${this.there(shell.output)}`;
      throw new Error(`\`${command}\` neither ends nor listens; its processes:\n${seen}`);
    }
    if (status === undefined) this.#server = shell;
    else this.#follow();
    return { status, output: this.there(shell.output) };
  }

  /** Turns are counted, and not time: a machine may stand still for a while.
   *  @returns Its status, or undefined when it serves. */
  async #endOrService(
    shell: Shell,
    before: ReadonlySet<string> | undefined,
    complete: (output: string) => boolean,
  ): Promise<number | undefined | 'neither'> {
    for (let turn = 0; turn < turnsMax; turn += 1) {
      if (shell.status !== undefined) return shell.status;
      const silent = turn - shell.lastTurn > silentTurns;
      if (shell.heard) shell.lastTurn = turn;
      shell.heard = false;
      if (this.#serves(shell, before) && (silent || complete(this.there(shell.output)))) return undefined;
      await pause(turnMs);
    }
    return 'neither';
  }

  /** @param before The ports on which somebody listened before; undefined when its log says that it serves, since a
   *  port may be open before. */
  #serves(shell: Shell, before: ReadonlySet<string> | undefined): boolean {
    if (/Using \S+ as a backend\n/.test(shell.output)) return true;
    if (before === undefined) return false; // Only its log tells.
    return [...this.#listening()].some((port) => !before.has(port));
  }

  /** Which of the page's ports somebody listens on. */
  #listening(): Set<string> {
    const ours = new Set(this.#ports.values());
    const open = new Set<string>();
    for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
      for (const port of listenersOf(table)) if (ours.has(port)) open.add(port);
    }
    return open;
  }

  /** `cd` lasts. */
  #follow(): void {
    try {
      this.#cwd = readFileSync(this.#environment['DOCS_CWD'] ?? '', 'utf8').trim() || this.#cwd;
    } catch {
      // The command gave its place to another program, or was not started.
    }
  }

  /** Ctrl-C in the terminal of the server. @throws when it does not end as asked. */
  async interrupt(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.kill('SIGINT');
    const { status } = await eventually('the server to end', () =>
      server.status === undefined ? undefined : { status: server.status },
    );
    if (![0, 130].includes(status))
      throw new Error(`after Ctrl-C the status is ${status}:\n${server.output}`);
  }

  async close(): Promise<void> {
    try {
      await this.interrupt();
    } finally {
      this.#server?.kill('SIGKILL');
      rmSync(this.#home, { recursive: true, force: true });
    }
  }
}

/** The ports of /proc/net/tcp that are listened on. They stand in front of the connections, of which there may be many
 *  thousands, so the rest is not read. */
function listenersOf(table: string): string[] {
  const ports: string[] = [];
  const buffer = Buffer.alloc(4096);
  const file = openSync(table, 'r');
  let rest = '';
  try {
    for (let size = readSync(file, buffer); size > 0; size = readSync(file, buffer)) {
      const lines = (rest + buffer.toString('latin1', 0, size)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const [, local = '', , state] = line.trim().split(/\s+/);
        if (state === '0A') ports.push(String(Number.parseInt(local.split(':')[1] ?? '', 16)));
        else if (local.includes(':')) return ports;
      }
    }
    return ports;
  } finally {
    closeSync(file);
  }
}

/** One command line, in a process group of its own. */
class Shell {
  output = '';
  status: number | undefined;
  /** It has printed something since the last look. */
  heard = false;
  /** The last look that found something new. */
  lastTurn = 0;
  readonly #child: ChildProcess;

  constructor(command: string, parent: readonly string[], cwd: string, env: NodeJS.ProcessEnv) {
    const script = `exec 2>&1\ntrap 'pwd > "$DOCS_CWD"' EXIT\n${command}\n`;
    const [program = '', ...args] = [...parent, 'bash', '-euc', script];
    this.#child = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
      this.heard = true;
    });
    this.#child.on('close', (code, signal) => {
      this.status = code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
    });
  }

  /** What runs in its group, for a message. */
  processes(): string {
    const columns = 'pid,ppid,stat,wchan:20,etimes,args';
    const { stdout } = spawnSync('ps', ['-o', columns, '-g', String(this.#child.pid)], { encoding: 'utf8' });
    return stdout;
  }

  kill(signal: NodeJS.Signals): void {
    try {
      process.kill(-(this.#child.pid ?? 0), signal);
    } catch {
      // It has ended.
    }
  }
}

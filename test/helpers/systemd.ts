import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { chaussette, eventually, missing, Running, root, temporaryDirectory } from './processes.js';

const systemd = '/lib/systemd/systemd';

/** Why systemd cannot be booted here. */
export const cannotBoot: string | false =
  missing('unshare') ||
  missing('systemctl') ||
  (process.getuid?.() !== 0 && 'systemd needs root to be booted') ||
  (!existsSync(systemd) && `${systemd} is not there`);

/** Before it there is a tmpfs on /run, and /etc is read-only: the machine keeps what it has. */
const boot = `
  mount --make-rprivate / && mount -t tmpfs tmpfs /run && mkdir /run/systemd /run/lock &&
  mount --bind /etc /etc && mount -o remount,ro,bind /etc || exit 1
  container=chaussette SYSTEMD_UNIT_PATH="$1" exec ${systemd} --system --unit=basic.target --show-status=no`;

/** What units depend on by default; those of the machine are not read. */
const targets = ['basic', 'shutdown', 'sockets', 'sysinit'];

/** A systemd as process 1 of a container: process ids, mounts and control groups of its own, but the machine's network.
 *  It knows examples/chaussette.service and .socket, under a name of their own. */
export class Systemd {
  readonly name = `chaussette-${process.pid}-${Math.random().toString(36).slice(2)}`;
  readonly #running: Running;
  readonly #directory: string;

  /** @param settings Of the service, in the place of those in the file.
   *  @param isTemplate The service is one, for several processes: `NAME@1.service` is the first. */
  constructor(
    t: TestContext,
    port: number,
    application: string,
    settings: Record<string, string>,
    isTemplate = false,
  ) {
    this.#directory = temporaryDirectory(t);
    const units = join(this.#directory, 'units');
    mkdirSync(units);
    for (const name of targets) {
      writeFileSync(join(units, `${name}.target`), '[Unit]\nDefaultDependencies=no\n');
    }
    const all = {
      ListenStream: `127.0.0.1:${port}`,
      ExecStart: `${chaussette} ${application}`,
      WorkingDirectory: root,
      DynamicUser: 'no', // It could not read a checkout in /root or /tmp.
      ...settings,
    };
    for (const kind of ['socket', 'service']) {
      let text = readFileSync(join(root, `examples/chaussette.${kind}`), 'utf8');
      text = text.replaceAll('chaussette.socket', `${this.name}.socket`);
      for (const [key, value] of Object.entries(all)) {
        text = text.replace(new RegExp(`^${key}=.*$`, 'm'), `${key}=${value}`);
      }
      if (kind === 'service') text += `[Service]\nStandardError=append:${this.#log}\n`;
      if (isTemplate) {
        const [first, socket] = [`Service=${this.name}@1.service`, `Sockets=${this.name}.socket`];
        text += kind === 'service' ? `${socket}\n` : `[Socket]\n${first}\n`;
      }
      // The test starts it more often than anybody should.
      text += '[Unit]\nStartLimitIntervalSec=0\n';
      const at = isTemplate && kind === 'service' ? '@' : '';
      writeFileSync(join(units, `${this.name}${at}.${kind}`), text);
    }
    const namespaces = ['--pid', '--mount', '--uts', '--ipc', '--cgroup'];
    const args = ['--fork', '--kill-child', '--mount-proc', ...namespaces, 'sh', '-c', boot, 'sh', units];
    // Nothing else ends unshare while its child runs (unshare(1)), and with it goes all of the container.
    t.after(() => this.#running.child.kill('SIGKILL'));
    this.#running = new Running(t, 'unshare', args);
  }

  get #log(): string {
    return join(this.#directory, 'web.log');
  }

  /** What the service has written, for a test that failed. */
  get output(): string {
    return `${this.#running.output}${existsSync(this.#log) ? readFileSync(this.#log, 'utf8') : ''}`;
  }

  /** It takes commands. */
  async booted(): Promise<void> {
    await eventually('systemd', () => this.systemctl('list-jobs').catch(() => undefined));
  }

  /** systemctl(1), in its namespaces. @throws with what it printed. */
  async systemctl(...args: readonly string[]): Promise<string> {
    const { pid } = this.#running;
    const [first] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ');
    const enter = ['--target', first ?? '', '--mount', '--pid', '--'];
    const { stdout } = await promisify(execFile)('nsenter', [...enter, 'systemctl', ...args]);
    return stdout.trim();
  }

  /** A property of the service. */
  property(name: string): Promise<string> {
    return this.systemctl('show', '--value', '--property', name, `${this.name}.service`);
  }
}

import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { cleanEnvironment, eventually, Running, root } from './processes.js';

const execute = promisify(execFile);

/** A supervisord of the test's own, in a temporary directory, controlled over a Unix socket there. */
export class Supervisor {
  private readonly configuration: string;
  private readonly daemon: Running;
  private readonly log: string;

  /** @param programs Sections of a supervisord.conf. */
  constructor(t: TestContext, directory: string, programs: string) {
    this.configuration = join(directory, 'supervisord.conf');
    this.log = join(directory, 'supervisord.log');
    const control = join(directory, 'control.sock');
    writeFileSync(
      this.configuration,
      `[supervisord]
nodaemon = true
logfile = ${this.log}
pidfile = ${join(directory, 'supervisord.pid')}
childlogdir = ${directory}

[unix_http_server]
file = ${control}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl = unix://${control}

${programs}
`,
    );
    const args = ['--nodaemon', '--configuration', this.configuration];
    this.daemon = new Running(t, 'supervisord', args, { cwd: root, env: cleanEnvironment() });
  }

  /** What supervisorctl prints; its exit status is ignored, `status` gives 3 for processes that do not run. */
  async control(...args: string[]): Promise<string> {
    try {
      const { stdout } = await execute('supervisorctl', ['--configuration', this.configuration, ...args], {
        timeout: 60_000,
      });
      return stdout;
    } catch (error) {
      if (typeof error === 'object' && error !== null && 'stdout' in error) return String(error.stdout);
      throw error;
    }
  }

  /** The processes that run, by name: `web:web_00`. */
  async running(): Promise<Map<string, number>> {
    const found = new Map<string, number>();
    for (const line of (await this.control('status')).split('\n')) {
      const match = /^(\S+)\s+RUNNING\s+pid (\d+)/.exec(line);
      if (match?.[1] !== undefined) found.set(match[1], Number(match[2]));
    }
    return found;
  }

  /** Wait until so many processes run. */
  async started(count: number): Promise<Map<string, number>> {
    try {
      return await eventually(`${count} processes under supervisord`, async () => {
        const found = await this.running();
        return found.size === count ? found : undefined;
      });
    } catch (error) {
      throw new Error(`${await this.control('status')}\n${this.logs()}`, { cause: error });
    }
  }

  /** Ask it to end, and its processes with it. */
  stop(): Promise<string> {
    return this.daemon.stop();
  }

  logs(): string {
    return `${this.daemon.output}\n${readFileSync(this.log, 'utf8')}`;
  }
}

// examples/chaussette.service and .socket under a systemd of their own: activation, restarts, the watchdog.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ask } from '../helpers/ask.js';
import { testedBackends } from '../helpers/backends.js';
import { Load } from '../helpers/load.js';
import { eventually, freePort } from '../helpers/processes.js';
import { cannotBoot, Systemd } from '../helpers/systemd.js';

const watchdogMs = 4000;

for (const backend of testedBackends) {
  describe(`systemd, ${backend}`, { skip: cannotBoot }, () => {
    test('activated, reloaded, restarted under load, killed, watched, stopped', async (t) => {
      const port = await freePort();
      const systemd = new Systemd(t, port, `--backend ${backend} test.managers.apps.who:app`, {
        WatchdogSec: `${watchdogMs}ms`,
      });
      const service = `${systemd.name}.service`;
      const answer = async (path: string): Promise<number> => {
        const { status, text } = await ask({ port, path });
        assert.equal(status, 200, systemd.output);
        return (JSON.parse(text) as { pid: number }).pid;
      };
      await systemd.booted();

      await systemd.systemctl('start', `${systemd.name}.socket`);
      assert.equal(await systemd.property('ActiveState'), 'inactive');
      const first = await answer('/');
      assert.equal(await systemd.property('MainPID'), String(first));
      await eventually(
        'READY',
        async () => (await systemd.property('ActiveState')) === 'active' || undefined,
      );
      assert.equal(await systemd.property('StatusText'), `Serving on fd://3 (127.0.0.1:${port})`);

      await systemd.systemctl('reload', service);
      assert.equal(await answer('/'), first);

      const load = new Load(t, { host: '127.0.0.1', port }, { keepAlive: 8, fresh: 8, path: '/busy?ms=0.5' });
      await load.more(200);
      for (let restarts = 1; restarts <= 3; restarts += 1) {
        await systemd.systemctl('restart', service);
        await load.until('the new process to answer', () => load.byPid.size === restarts + 1);
      }
      await load.stop();
      assert.deepEqual(load.failures, [], load.summary);
      t.diagnostic(`systemd, ${backend}, 3 restarts: ${load.numbers}`);

      // Who only awaits, for longer than the watchdog waits, is left alone; who blocks the loop is not.
      const watched = await answer(`/wait?ms=${watchdogMs * 2}`);
      assert.equal(await systemd.property('NRestarts'), '0', systemd.output);
      await assert.rejects(ask({ port, path: '/busy?ms=60000' }));
      await eventually('Restart=', async () => (await systemd.property('NRestarts')) === '1' || undefined);
      assert.notEqual(await answer('/'), watched);

      const last = ask({ port, path: '/wait?ms=500' });
      await eventually('the request', async () => {
        await systemd.systemctl('kill', '--kill-who=main', '--signal=SIGUSR2', service);
        return systemd.output.includes('GET /wait?ms=500') || undefined;
      });
      await systemd.systemctl('stop', `${systemd.name}.socket`, service);
      assert.equal((await last).status, 200);
      assert.equal(await systemd.property('Result'), 'success', systemd.output);
    });

    test('two services on one socket, which systemd makes blocking whenever it starts one', async (t) => {
      const port = await freePort();
      const application = `--backend ${backend} test.managers.apps.who:app`;
      const systemd = new Systemd(t, port, application, { NonBlocking: 'no' }, true);
      await systemd.booted();
      await systemd.systemctl('start', `${systemd.name}.socket`);
      const services = [1, 2].map((n) => `${systemd.name}@${n}.service`);
      await systemd.systemctl('start', ...services);
      const load = new Load(t, { host: '127.0.0.1', port }, { keepAlive: 8, fresh: 8, path: '/busy?ms=0.5' });
      await load.until('both to answer', () => load.byPid.size === 2);
      let processes = 2;
      for (const service of [...services, ...services]) {
        await systemd.systemctl('restart', service);
        processes += 1;
        await load.until('the new process to answer', () => load.byPid.size === processes);
        await load.more(200);
      }
      await load.stop();
      assert.deepEqual(load.failures, [], load.summary);
      t.diagnostic(`systemd, ${backend}, two services, each restarted twice: ${load.numbers}`);
    });
  });
}

// Frameworks that are given a server which listens elsewhere, or before them.
import { server as hapi } from '@hapi/hapi';
import { compare, get, listening } from '../helpers/compare-servers.js';

compare('Hapi on a listener that it does not start (autoListen: false)', async (make) => {
  const listener = make();
  const app = hapi({ listener, autoListen: false });
  app.route({ method: 'GET', path: '/{name}', handler: ({ params, info }) => [params['name'], info.host] });
  await app.start();
  const port = await listening(listener);
  const answers = [await get(port, '/one'), await get(port, '/no/such')];
  const states = [listener.listening];
  await app.stop({ timeout: 100 });
  states.push(listener.listening);
  listener.close();
  return [answers, states];
});

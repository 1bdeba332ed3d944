import type { RequestListener } from 'node:http';
import { NestFactory } from '@nestjs/core';
import type { ExpressAdapter, NestExpressApplication } from '@nestjs/platform-express';
import type { Make } from '../../helpers/compare-servers.js';
import { type Started, startListener } from './application.js';
import { Application, handled } from './nest.js';

export const name = 'Nest on Express';

export async function create() {
  const app = await NestFactory.create<NestExpressApplication>(Application, { logger: false });
  app.useBodyParser('text', { type: 'application/x-www-form-urlencoded' });
  app.useGlobalFilters(handled);
  return app;
}

/** As its documentation serves one application on several servers. */
export async function start(make: Make): Promise<Started> {
  const app = await create();
  await app.init();
  const adapter = app.getHttpAdapter() as unknown as ExpressAdapter;
  const started = await startListener(make, adapter.getInstance<RequestListener>());
  return {
    port: started.port,
    async close() {
      await started.close();
      await app.close();
    },
  };
}

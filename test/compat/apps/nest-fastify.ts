import type { RequestListener } from 'node:http';
import { type AbstractHttpAdapter, NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Make } from '../../helpers/compare-servers.js';
import { portOf, type Started } from './application.js';
import { Application, handled } from './nest.js';

export const name = 'Nest on Fastify';

export async function create(
  adapter: AbstractHttpAdapter = new FastifyAdapter(),
): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(Application, adapter, { logger: false });
  app.useBodyParser('application/x-www-form-urlencoded', {}, (_req, body, done) =>
    done(null, body.toString()),
  );
  app.useGlobalFilters(handled);
  return app;
}

export async function start(make: Make): Promise<Started> {
  const app = await create(
    new FastifyAdapter({ serverFactory: (handler: RequestListener) => make(handler) }),
  );
  await app.listen(0, '127.0.0.1');
  return { port: portOf(app.getHttpServer()), close: () => app.close() };
}

import fastify from 'fastify';

export const app = fastify();

app.get('/', (_request, reply) => {
  reply.send('Hello, World!');
});

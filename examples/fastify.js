// chaussette examples.fastify:app
import fastify from 'fastify';

export const app = fastify();

app.get('/', () => 'Hello, World!\n');

app.post('/hello', (request) => ({ hello: request.body.name }));

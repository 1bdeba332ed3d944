// chaussette examples.hono:app
import { Hono } from 'hono';

export const app = new Hono();

app.get('/', (c) => c.text('Hello, World!\n'));

app.post('/hello', async (c) => {
  const { name } = await c.req.json();
  return c.json({ hello: name });
});

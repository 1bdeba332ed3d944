// chaussette examples.koa:app
import Koa from 'koa';

export const app = new Koa();

app.use(async (context, next) => {
  await next();
  context.set('x-served-by', 'koa');
});

app.use((context) => {
  context.body = 'Hello, World!\n';
});

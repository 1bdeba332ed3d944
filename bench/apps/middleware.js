// An Express application with the middleware that many have.
import { fileURLToPath } from 'node:url';
import bodyParser from 'body-parser';
import compression from 'compression';
import cors from 'cors';
import express from 'express';
import session from 'express-session';
import helmet from 'helmet';

export const app = express();

app.use(helmet(), cors(), compression());
app.use(session({ secret: 'bench', resave: false, saveUninitialized: false }));
app.use(bodyParser.json(), bodyParser.urlencoded({ extended: true }));
app.use('/static', express.static(fileURLToPath(new URL('.', import.meta.url))));

app.get('/', (_req, res) => {
  res.send('Hello, World!');
});

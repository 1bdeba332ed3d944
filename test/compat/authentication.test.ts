import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { describe } from 'node:test';
import express, { type RequestHandler } from 'express';
import { rateLimit } from 'express-rate-limit';
import session from 'express-session';
import { compare, exchangeBytes, get, serving } from '../helpers/compare-servers.js';
import { untyped } from './apps/application.js';

// Cookies, sessions and what stands on them.

interface Passport {
  use(name: string, strategy: object): void;
  serializeUser(store: (user: unknown, done: (error: null, id: unknown) => void) => void): void;
  deserializeUser(load: (id: unknown, done: (error: null, user: unknown) => void) => void): void;
  session(): RequestHandler;
  authenticate(name: string, options?: object): RequestHandler;
}
const { Passport, Strategy } = untyped<{ Passport: new () => Passport; Strategy: new () => object }>(
  'passport',
);
const cookieParser = untyped<(secret: string) => RequestHandler>('cookie-parser');
const methodOverride = untyped<(name: string) => RequestHandler>('method-override');
const responseTime =
  untyped<
    (
      told: (req: unknown, res: { setHeader(n: string, v: string): void }, ms: number) => void,
    ) => RequestHandler
  >('response-time');

/** Lets in who knows the word, as a strategy of Passport's does. */
class Word extends Strategy {
  declare success: (user: unknown) => void;
  declare fail: (challenge: string, status: number) => void;
  authenticate(req: express.Request): void {
    if (req.query['word'] === 'open') this.success({ id: 7 });
    else this.fail('Word realm="a"', 401);
  }
}

function loggedIn(): express.Express {
  const app = express();
  const passport = new Passport();
  passport.use('word', new Word());
  passport.serializeUser((user, done) => done(null, user));
  passport.deserializeUser((user, done) => done(null, user));
  let count = 0;
  const genid = () => `id-${count++}`;
  app.use(session({ secret: 's', resave: false, saveUninitialized: false, rolling: true, genid }));
  app.use(passport.session());
  app.get('/login', passport.authenticate('word'), (req, res) => void res.json(req.user));
  app.get('/redirected', passport.authenticate('word', { successRedirect: '/', failureRedirect: '/login' }));
  app.get('/logout', (req, res, next) =>
    req.logout((error?: unknown) => (error ? next(error) : res.end('out'))),
  );
  app.get('/', (req, res) => void res.json([req.isAuthenticated(), req.user ?? null, req.sessionID]));
  return app;
}

declare global {
  namespace Express {
    interface Request {
      user?: unknown;
      isAuthenticated(): boolean;
      logout(done: (error?: unknown) => void): void;
    }
  }
}

const withoutExpires = (text: string) => text.replace(/Expires=[^;\r]*/g, 'Expires=…');
const cookieOf = (answer: string) => /^set-cookie: ([^;]*)/im.exec(answer)?.[1] ?? '';

describe('authentication', () => {
  compare('Passport and express-session', (make) =>
    serving(make, loggedIn() as RequestListener, async (port) => {
      const login = await get(port, '/login?word=open');
      const cookie = `Cookie: ${cookieOf(login)}`;
      const answers = [
        login,
        await get(port, '/login?word=close'),
        await get(port, '/', cookie),
        await get(port, '/redirected?word=open', cookie),
        await get(port, '/redirected'),
        await get(port, '/logout', cookie),
        await get(port, '/', cookie),
        await get(port, '/', 'Cookie: connect.sid=s%3Anonsense'),
      ];
      assert.match(answers[2] ?? '', /\[true,\{"id":7\}/);
      return answers.map(withoutExpires);
    }),
  );

  compare('cookie-parser', (make) => {
    const app = express().use(cookieParser('secret'));
    app.get('/', (req, res) => {
      res.cookie('signed', 'v', { signed: true }).json([req.cookies, req.signedCookies]);
    });
    return serving(make, app as RequestListener, async (port) => {
      const first = await get(port, '/', 'Cookie: a=1; b=%7B; j=j:{"x":1}');
      return [first, await get(port, '/', `Cookie: ${cookieOf(first)}`, 'Cookie: c=2')];
    });
  });

  compare('express-rate-limit', (make) => {
    const limit = rateLimit({
      windowMs: 3_600_000,
      limit: 2,
      standardHeaders: 'draft-7',
      legacyHeaders: false,
      keyGenerator: (req) => String(req.ip),
    });
    const app = express().use(limit);
    app.get('/', (_req, res) => void res.send('let in'));
    return serving(make, app as RequestListener, async (port) => {
      const answers = [await get(port), await get(port), await get(port)];
      assert.match(answers[2] ?? '', /^HTTP\/1.1 429 /);
      return answers.map((answer) => answer.replace(/reset=\d+|^retry-after: .*$/gim, ''));
    });
  });

  compare('method-override and response-time', (make) => {
    const app = express();
    app.use(responseTime((_req, res, ms) => res.setHeader('X-Time', String(ms >= 0))));
    app.use(methodOverride('X-HTTP-Method-Override'));
    app.delete('/', (req, res) => void res.send(`${req.method} ${req.headers['x-http-method-override']}`));
    return serving(make, app as RequestListener, (port) =>
      exchangeBytes(
        port,
        'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-HTTP-Method-Override: DELETE\r\nContent-Length: 2\r\n\r\nab',
      ),
    );
  });
});

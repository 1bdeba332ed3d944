// A filter that asks for a name and a password (RFC 7617).
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';

const digest = (text) => createHash('sha256').update(text).digest();

/** @param htpasswd A file of lines `name:password:role`. @param roles Who may pass, separated by spaces. */
export function auth(_globalConf, { htpasswd, roles }) {
  const users = readFileSync(htpasswd, 'utf8').trim().split('\n');
  const allowed = roles.split(/\s+/);
  const known = users.map((line) => line.split(':')).filter(([, , role]) => allowed.includes(role));
  return (app) => (environ, startResponse) => {
    const [, encoded = ''] = /^Basic (.+)$/i.exec(environ.HTTP_AUTHORIZATION ?? '') ?? [];
    const given = digest(Buffer.from(encoded, 'base64').toString());
    const user = known.find(([name, password]) => timingSafeEqual(digest(`${name}:${password}`), given));
    if (user !== undefined) {
      environ.REMOTE_USER = user[0];
      return app(environ, startResponse);
    }
    startResponse('401 Unauthorized', [
      ['Content-Type', 'text/plain; charset=utf-8'],
      ['WWW-Authenticate', 'Basic realm="blog"'],
    ]);
    return ['Who are you?\n'];
  };
}

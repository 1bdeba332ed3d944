// chaussette --interface wsgi examples.wsgi-middleware:app
//
// WSGI middleware: an application around an application. Here a URL map, compression and a password, each of which
// works in front of every WSGI application; so does the validator, which checks all of them.
import { createHash, timingSafeEqual } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { validator } from 'chaussette-server/wsgi-validate';

const text = ['Content-Type', 'text/plain; charset=utf-8'];

/** Hand a request to the application with the longest prefix. */
function urlMap(applications) {
  const prefixes = Object.keys(applications).sort((one, other) => other.length - one.length);
  return (environ, startResponse) => {
    const path = environ.PATH_INFO;
    const prefix = prefixes.find((each) => path === each || path.startsWith(`${each}/`));
    if (prefix === undefined) {
      startResponse('404 Not Found', [text]);
      return ['Not found\n'];
    }
    environ.SCRIPT_NAME += prefix;
    environ.PATH_INFO = path.slice(prefix.length);
    return applications[prefix](environ, startResponse);
  };
}

/** Compress what the application returns, for clients that can read it. */
function gzip(application) {
  return (environ, startResponse) => {
    if (!/\bgzip\b/.test(environ.HTTP_ACCEPT_ENCODING ?? '')) return application(environ, startResponse);
    const written = [];
    let start = () => {};
    const result = application(environ, (status, headers, excInfo) => {
      const kept = headers.filter(([name]) => name.toLowerCase() !== 'content-length');
      const added = [
        ['Content-Encoding', 'gzip'],
        ['Vary', 'Accept-Encoding'],
      ];
      start = () => startResponse(status, [...kept, ...added], excInfo);
      return (chunk) => written.push(chunk);
    });
    try {
      const body = Buffer.concat([...written, ...result].map((chunk) => Buffer.from(chunk)));
      start();
      return [gzipSync(body)];
    } finally {
      result.close?.();
    }
  };
}

const digest = (value) => createHash('sha256').update(value).digest();

/** Ask for a name and a password (RFC 7617). */
function basicAuth(application, name, password) {
  const wanted = digest(`${name}:${password}`);
  return (environ, startResponse) => {
    const [, given = ''] = /^Basic (.+)$/i.exec(environ.HTTP_AUTHORIZATION ?? '') ?? [];
    if (timingSafeEqual(digest(Buffer.from(given, 'base64')), wanted)) {
      environ.REMOTE_USER = name;
      return application(environ, startResponse);
    }
    startResponse('401 Unauthorized', [text, ['WWW-Authenticate', 'Basic realm="secret"']]);
    return ['Who are you?\n'];
  };
}

function greet(environ, startResponse) {
  startResponse('200 OK', [text]);
  return [`Hello, ${environ.REMOTE_USER ?? 'World'}! This is ${environ.SCRIPT_NAME}${environ.PATH_INFO}\n`];
}

export const app = validator(gzip(urlMap({ '/secret': basicAuth(greet, 'ada', 'lovelace'), '': greet })));

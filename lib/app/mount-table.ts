/** Where an application is mounted. */
export interface Place {
  /** In lower case, with a port or without; empty for every host. */
  readonly host: string;
  /** Without a slash at its end; empty for everything. */
  readonly path: string;
}

/** One application and its prefix. */
export interface Mounted<T> {
  readonly place: Place;
  readonly value: T;
}

/** Read where to mount: `/blog`, `http://example.com/blog`, or Paste's `domain example.com port 8080 /blog`.
 *  @throws {Error} saying what is wrong with it. */
export function parsePlace(text: string): Place {
  const url = /^https?:\/\/([^/\s]+)(\/\S*)?$/i.exec(text);
  if (url !== null) return placeOf(url[1] ?? '', url[2] ?? '');
  const words = text.split(/\s+/).filter((word) => word !== '');
  const given = new Map<string, string>();
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? '';
    const kind = word === 'domain' || word === 'port' ? word : 'path';
    const value = kind === 'path' ? word : words[++index];
    if (value === undefined) throw new Error(`there is nothing behind ${JSON.stringify(word)}`);
    if (given.has(kind)) throw new Error(`it has two of ${kind}: ${given.get(kind)} and ${value}`);
    given.set(kind, value);
  }
  const port = given.get('port');
  const domain = given.get('domain');
  if (port !== undefined && domain === undefined) throw new Error('a port needs a domain before it');
  if (port !== undefined && !/^\d{1,5}$/.test(port)) throw new Error(`${JSON.stringify(port)} is not a port`);
  return placeOf(`${domain ?? ''}${port === undefined ? '' : `:${port}`}`, given.get('path') ?? '');
}

function placeOf(host: string, path: string): Place {
  if (host === '' && path === '') throw new Error('it is empty');
  if (path !== '' && !path.startsWith('/')) {
    throw new Error(`${JSON.stringify(path)} is not a path: it must begin with /`);
  }
  if (/[?#\s]/.test(path))
    throw new Error(`${JSON.stringify(path)} is not a path: it has ?, # or a space in it`);
  return { host: host.toLowerCase(), path: path.replace(/\/{2,}/g, '/').replace(/\/$/, '') };
}

/** What people read: `/blog`, `example.com/blog`. */
export function showPlace({ host, path }: Place): string {
  return host + (path === '' ? '/' : path);
}

/** Applications by host and path. What names a host comes before what does not, a host with a port before one without,
 *  and a longer path before a shorter one. */
export class MountTable<T> {
  readonly #byHost = new Map<string, Mounted<T>[]>();

  /** @returns false when there is one in that place already. */
  add(place: Place, value: T): boolean {
    const list = this.#byHost.get(place.host) ?? [];
    if (list.some((other) => other.place.path === place.path)) return false;
    list.push({ place, value });
    list.sort((one, other) => other.place.path.length - one.place.path.length);
    this.#byHost.set(place.host, list);
    return true;
  }

  get hasHosts(): boolean {
    return this.#byHost.size > (this.#byHost.has('') ? 1 : 0);
  }

  /** @param host As in the Host field.
   *  @param port The default one, for a host without.
   *  @param path Without the query. */
  find(host: string, port: string, path: string): T | undefined {
    if (this.hasHosts) {
      const [, name = '', given] = /^(.*?)(?::(\d*))?$/s.exec(host.toLowerCase()) ?? [];
      const named = this.#among(`${name}:${given || port}`, path) ?? this.#among(name, path);
      if (named !== undefined) return named.value;
    }
    return this.#among('', path)?.value;
  }

  #among(host: string, path: string): Mounted<T> | undefined {
    return this.#byHost.get(host)?.find(({ place }) => covers(place.path, path));
  }
}

/** `/blog` covers `/blog` and `/blog/x`, and not `/blogs`. */
export function covers(prefix: string, path: string): boolean {
  return (
    path.startsWith(prefix) && (path.length === prefix.length || prefix === '' || path[prefix.length] === '/')
  );
}

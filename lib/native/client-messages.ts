import { ClientRequest } from 'node:http';

// The preload puts a class of ours in the place of http.IncomingMessage, and node:http makes the responses that a client
// gets of its own. What a program puts on the prototype of the one has to be found on those of the other.

interface OnSocket {
  onSocket(this: ClientRequest, ...args: unknown[]): void;
}

/** Let the responses of clients have what programs put on `ours`, also in place of what was there. It is looked for when a
 *  request of a client gets its socket.
 *  @param ours The prototype that programs see. @param nodes That of the responses. */
export function mirrorOnClients(ours: object, nodes: object): void {
  const mirror = new Mirror(ours, nodes);
  const client = ClientRequest.prototype as unknown as OnSocket;
  const { onSocket } = client;
  client.onSocket = function (...args) {
    mirror.update();
    return onSocket.apply(this, args);
  };
  Object.defineProperty(client.onSocket, 'name', { value: onSocket.name, configurable: true });
}

class Mirror {
  readonly #ours: object;
  readonly #nodes: object;
  /** What was last found on `ours`. */
  #seen: Map<PropertyKey, PropertyDescriptor>;
  /** What was on `nodes` in the place of what was put there. */
  readonly #covered = new Map<PropertyKey, PropertyDescriptor | undefined>();
  readonly #own: ReadonlyMap<PropertyKey, PropertyDescriptor>;

  constructor(ours: object, nodes: object) {
    this.#ours = ours;
    this.#nodes = nodes;
    this.#own = this.#seen = members(ours);
  }

  update(): void {
    if (!this.#hasChanged()) return;
    const found = members(this.#ours);
    for (const name of new Set([...this.#seen.keys(), ...found.keys()])) {
      const member = found.get(name);
      if (isSame(member, this.#own.get(name))) this.#uncover(name);
      else if (member !== undefined && !isSame(member, this.#seen.get(name))) this.#cover(name, member);
    }
    this.#seen = found;
  }

  /** Few programs change anything: then nothing is made. */
  #hasChanged(): boolean {
    const names = Reflect.ownKeys(this.#ours);
    if (names.length !== this.#seen.size) return true;
    for (const name of names) {
      const seen = this.#seen.get(name);
      if (seen === undefined) return true;
      const isMethod = typeof seen.value === 'function';
      if (isMethod && (this.#ours as Record<PropertyKey, unknown>)[name] !== seen.value) return true;
    }
    return false;
  }

  #cover(name: PropertyKey, member: PropertyDescriptor): void {
    if (!this.#covered.has(name)) this.#covered.set(name, Object.getOwnPropertyDescriptor(this.#nodes, name));
    Object.defineProperty(this.#nodes, name, { ...member, configurable: true });
  }

  #uncover(name: PropertyKey): void {
    if (!this.#covered.has(name)) return;
    const before = this.#covered.get(name);
    this.#covered.delete(name);
    if (before === undefined) Reflect.deleteProperty(this.#nodes, name);
    else Object.defineProperty(this.#nodes, name, before);
  }
}

function members(object: object): Map<PropertyKey, PropertyDescriptor> {
  const all = Object.getOwnPropertyDescriptors(object) as Record<PropertyKey, PropertyDescriptor>;
  return new Map(Reflect.ownKeys(all).map((name) => [name, all[name] as PropertyDescriptor]));
}

function isSame(a: PropertyDescriptor | undefined, b: PropertyDescriptor | undefined): boolean {
  return a?.value === b?.value && a?.get === b?.get && a?.set === b?.set;
}

/** A base class that constructs nothing: `class X extends bareBase<Y>(Y.prototype)` is an instance of Y whose
 *  constructor never runs.
 *  @param prototype Of the class to stand in for. */
export function bareBase<T>(prototype: object): new () => T {
  function Bare(): void {
    // Nothing to do; the derived class sets its own fields.
  }
  Bare.prototype = prototype;
  return Bare as unknown as new () => T;
}

/** Put plain values on a prototype, past setters that it inherits. */
export function defineValues(prototype: object, values: Readonly<Record<PropertyKey, unknown>>): void {
  for (const name of Reflect.ownKeys(values)) {
    const value = values[name];
    Object.defineProperty(prototype, name, { value, writable: true, configurable: true, enumerable: false });
  }
}

/** Let an object keep as its own what it was assigned, past the accessor of its prototype. */
export function keepOwn(object: object, name: PropertyKey, value: unknown): void {
  Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
}

/** Make members enumerable where those of Node's are: some copy the methods of an object with `for…in`. */
export function enumerableAs(ours: object, nodes: object): void {
  for (const name of Reflect.ownKeys(ours)) {
    const own = Object.getOwnPropertyDescriptor(ours, name);
    if (own?.enumerable !== false || name === 'constructor' || !isEnumerable(nodes, name)) continue;
    Object.defineProperty(ours, name, { ...own, enumerable: true });
  }
}

function isEnumerable(object: object, name: PropertyKey): boolean {
  for (let at: object | null = object; at !== null; at = Object.getPrototypeOf(at)) {
    if (Object.hasOwn(at, name)) return Object.prototype.propertyIsEnumerable.call(at, name);
  }
  return false;
}

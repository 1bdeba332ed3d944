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

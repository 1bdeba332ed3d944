type Constructor = abstract new (...args: never[]) => object;

/** Let a class of ours pass for one of Node's: its prototype chain ends in the real one, it has its name, and
 *  `instanceof` holds both ways, for instances of either.
 *  @param light A class that does not extend `real`, so that it need not construct it. */
export function standInFor(light: Constructor, real: Constructor): void {
  if (Object.getPrototypeOf(light) !== real) {
    Object.setPrototypeOf(light, real);
    Object.setPrototypeOf(light.prototype, real.prototype);
  }
  Object.defineProperty(light, 'name', { value: real.name, configurable: true });
  Object.defineProperty(light, Symbol.hasInstance, {
    value: function hasInstance(this: Constructor, value: unknown): boolean {
      // Classes that are derived from ours keep their own meaning.
      const prototype: object = this === light ? real.prototype : this.prototype;
      return (
        typeof value === 'object' && value !== null && Object.prototype.isPrototypeOf.call(prototype, value)
      );
    },
    configurable: true,
  });
}

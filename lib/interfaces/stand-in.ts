import { type RealClasses, real, whenReal } from './real.js';

type Constructor = abstract new (...args: never[]) => object;

/** The classes that stand for one of Node's, by its name. */
const standIns: Record<keyof RealClasses, Constructor[]> = { Headers: [], Request: [], Response: [] };

/** Let a class of ours pass for one of Node's: it has its name, `instanceof` holds both ways, for instances of either,
 *  and its prototype chain ends in the real one from the moment that somebody can have got hold of that.
 *  @param light A class that does not extend the real one, so that it need not construct it. */
export function standInFor(name: keyof RealClasses, light: Constructor): void {
  const lights = standIns[name];
  lights.push(light);
  Object.defineProperty(light, 'name', { value: name, configurable: true });
  Object.defineProperty(light.prototype, Symbol.toStringTag, { value: name, configurable: true });
  Object.defineProperty(light, Symbol.hasInstance, {
    value: function hasInstance(this: Constructor, value: unknown): boolean {
      if (typeof value !== 'object' || value === null) return false;
      // Classes that are derived from ours keep their own meaning.
      if (this !== light) return isOf(this, value);
      return lights.some((other) => isOf(other, value)) || isOf(real()[name], value);
    },
    configurable: true,
  });
  whenReal((classes) => {
    Object.setPrototypeOf(light, classes[name]);
    Object.setPrototypeOf(light.prototype, classes[name].prototype);
  });
}

function isOf(type: Constructor, value: object): boolean {
  return Object.prototype.isPrototypeOf.call(type.prototype, value);
}

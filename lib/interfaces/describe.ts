/** What a value is, in the words of an error message: `a string ("hello")`, `an instance of Map`, `undefined`. */
export function describe(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (typeof value === 'string') return `a string (${JSON.stringify(value.slice(0, 60))})`;
  if (typeof value === 'function') {
    const kind = /^class\b/.test(Function.prototype.toString.call(value)) ? 'class' : 'function';
    return value.name ? `the ${kind} ${value.name}` : `a ${kind}`;
  }
  if (typeof value !== 'object') return `a ${typeof value} (${String(value)})`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  const name = (value.constructor as { name?: unknown } | undefined)?.name;
  if (typeof name === 'string' && name !== '' && name !== 'Object') return `an instance of ${name}`;
  const keys = Object.keys(value).slice(0, 6);
  return keys.length === 0 ? 'an empty object' : `an object with ${keys.join(', ')}`;
}

import type { HeaderList, HeaderView } from '../exchange.js';

/** The fields of an IncomingMessage. node:http drops some repeated fields from `headers`; here they are joined. */
export class HttpHeaders implements HeaderView {
  readonly raw: HeaderList;

  constructor(raw: HeaderList) {
    this.raw = raw;
  }

  get(name: string): string | undefined {
    const { raw } = this;
    let value: string | undefined;
    for (let index = 0; index < raw.length; index += 2) {
      const field = raw[index] ?? '';
      if (field.length !== name.length || field.toLowerCase() !== name) continue;
      const more = raw[index + 1] ?? '';
      value = value === undefined ? more : `${value}${name === 'cookie' ? '; ' : ', '}${more}`;
    }
    return value;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }
}

import { ChaussetteError } from '../errors.js';

/** An import string, taken apart. */
export interface Spec {
  readonly text: string;
  /** Modules that it may name, the best first, each with what is left as the attribute. */
  readonly candidates: readonly Candidate[];
  /** `module:factory()`: the attribute is called. */
  readonly call: boolean;
}

/** One way to read an import string. */
export interface Candidate {
  /** `./server.js`, `server`, `package/module`, `@scope/package`. */
  readonly module: string;
  /** The dotted way from the module to the application; empty: the first of the default names. */
  readonly attribute: readonly string[];
}

/** `paste:path/to/file.ini#name`, taken apart. */
export interface PasteUri {
  readonly file: string;
  /** Of the application; undefined for the main one. */
  readonly name: string | undefined;
}

/** @returns undefined for an import string of another kind. */
export function pasteUri(spec: unknown): PasteUri | undefined {
  const match = typeof spec === 'string' ? /^(?:wsgi:)?paste:([^#]+)(?:#(.*))?$/s.exec(spec) : null;
  return match === null ? undefined : { file: match[1] ?? '', name: match[2] || undefined };
}

const attributePath = /^[\p{ID_Start}$_][\p{ID_Continue}$]*(?:\.[\p{ID_Start}$_][\p{ID_Continue}$]*)*$/u;
const sourceFile = /\.(?:[cm]?[jt]s|[jt]sx)$/;

/** Take an import string apart: `module:attr`, `module:factory()`, `package.module.attr`, `./server.js`.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE when it is none. */
export function parseSpec(text: string): Spec {
  if (text.trim() === '') throw malformed(text, 'it is empty');
  const call = text.endsWith('()');
  const rest = call ? text.slice(0, -2) : text;
  const colon = rest.lastIndexOf(':');
  if (colon >= 0) {
    const module = rest.slice(0, colon);
    const attribute = rest.slice(colon + 1);
    if (module === '') throw malformed(text, 'there is no module before the colon');
    if (attribute === '' && call) throw malformed(text, 'there is no factory before the ()');
    if (attribute !== '' && !attributePath.test(attribute)) {
      throw malformed(text, `${JSON.stringify(attribute)} is not the name of an export`);
    }
    return { text, call, candidates: namesOf(module, attribute === '' ? [] : attribute.split('.')) };
  }
  return { text, call, candidates: dottedCandidates(rest) };
}

/** `package.module` before a colon is also the path `package/module`. */
function namesOf(module: string, attribute: readonly string[]): Candidate[] {
  const plain = { module, attribute };
  if (isPath(module) || !/^[\w$-]+(?:\.[\w$-]+)+$/.test(module)) return [plain];
  return [plain, { module: module.replaceAll('.', '/'), attribute }];
}

/** Without a colon the longest module wins, and what is left is the attribute. */
function dottedCandidates(text: string): Candidate[] {
  const slash = text.lastIndexOf('/') + 1;
  const directory = text.slice(0, slash);
  const parts = text.slice(slash).split('.');
  // The dots of `./` and `../` are none of a name; neither is one that a name begins with.
  if (parts.some((part) => part === '')) return [{ module: text, attribute: [] }];
  const candidates: Candidate[] = [];
  for (let length = parts.length; length > 0; length -= 1) {
    const attribute = parts.slice(length);
    const names = parts.slice(0, length);
    if (attribute.length > 0 && !attributePath.test(attribute.join('.'))) continue;
    candidates.push({ module: directory + names.join('.'), attribute });
    if (length > 1) candidates.push({ module: directory + names.join('/'), attribute });
  }
  return candidates;
}

/** Whether it can only be a file: `./server`, `/srv/app`, `server.js`. */
export function isPath(module: string): boolean {
  return /^\.{0,2}\//.test(module) || sourceFile.test(module);
}

function malformed(text: string, why: string): ChaussetteError {
  return new ChaussetteError(
    'CHAUSSETTE_ERR_USAGE',
    `${JSON.stringify(text)} does not name an application: ${why}`,
    {
      hint: 'Write module:attribute, package.module.attribute, or the path of a file: ./server.js:app.',
    },
  );
}

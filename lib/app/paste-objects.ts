import { ChaussetteError } from '../errors.js';
import type { InterfaceName } from '../exchange.js';
import { type Application, resolveApplication } from '../interfaces/index.js';
import { urlMap } from './mount.js';
import { type Mounted, parsePlace } from './mount-table.js';
import {
  type Config,
  decode,
  type Inherited,
  isUri,
  nothingInherited,
  type ReadSection,
  type Setting,
  take,
} from './paste-config.js';
import { loadFactory, urlMapFactory } from './paste-factory.js';
import { mistake } from './paste-ini.js';

/** What a `[DEFAULT]` or a section is to a factory. */
export type Settings = Readonly<Record<string, string>>;

/** What a composite factory is given, to make the applications that it is made of. */
export interface PasteLoader {
  /** @param name Of a section of the same file, or a URI. */
  getApp(name: string, globalConf?: Settings): Promise<unknown>;
  getFilter(name: string, globalConf?: Settings): Promise<(application: unknown) => Promise<unknown>>;
}

type Filter = (application: Application) => Promise<Application>;
type Factory = (...args: readonly unknown[]) => unknown;

/** How a factory is called, by the key that names it. */
const protocols = {
  app: ['paste.app_factory', 'paste.composite_factory', 'paste.composit_factory'],
  filter: ['paste.filter_factory', 'paste.filter_app_factory'],
} as const;

type Protocol = (typeof protocols)[keyof typeof protocols][number];

/** Make an application of a file.
 *  @param name Of its section; undefined for `main`.
 *  @throws {ChaussetteError} CHAUSSETTE_ERR_PASTE, naming file, section and key. */
export function makeApplication(
  config: Config,
  name: string | undefined,
  wanted: 'auto' | InterfaceName,
): Promise<Application> {
  const where = { file: config.ini.shown };
  return new Maker(config, wanted).app({ value: name ?? 'main', where }, nothingInherited);
}

/** Makes what the sections of one file describe. */
class Maker {
  readonly #config: Config;
  readonly #wanted: 'auto' | InterfaceName;

  constructor(config: Config, wanted: 'auto' | InterfaceName) {
    this.#config = config;
    this.#wanted = wanted;
  }

  /** @param reference The name of a section, or a URI. */
  async app(reference: Setting, inherited: Inherited): Promise<Application> {
    const other = this.#otherFile(reference, inherited);
    if (other !== undefined) return other.maker.app(other.reference, inherited);
    if (isUri(reference.value)) return this.#callApp(reference, 'paste.app_factory', inherited);
    const { where } = reference;
    const read = this.#config.read(this.#config.find('app', reference.value, where), inherited);
    const filterWith = take(read, 'filter-with');
    const application = await this.#appOf(read);
    if (filterWith === undefined) return application;
    const filter = await this.filter(filterWith, {
      ...nothingInherited,
      globals: read.globals,
      trail: read.trail,
    });
    return filter(application);
  }

  async filter(reference: Setting, inherited: Inherited): Promise<Filter> {
    const other = this.#otherFile(reference, inherited);
    if (other !== undefined) return other.maker.filter(other.reference, inherited);
    if (isUri(reference.value)) return this.#callFilter(reference, 'paste.filter_factory', inherited);
    const read = this.#config.read(this.#config.find('filter', reference.value, reference.where), inherited);
    const filterWith = take(read, 'filter-with');
    const filter = await this.#filterOf(read);
    if (filterWith === undefined) return filter;
    const outer = await this.filter(filterWith, {
      ...nothingInherited,
      globals: read.globals,
      trail: read.trail,
    });
    return async (application) => outer(await filter(application));
  }

  #otherFile(
    reference: Setting,
    { globals }: Inherited,
  ): { readonly maker: Maker; readonly reference: Setting } | undefined {
    const [, file, name] = /^config:([^#]+)(?:#(.*))?$/is.exec(reference.value) ?? [];
    if (file === undefined) return undefined;
    let config: Config;
    try {
      config = this.#config.loader.open(decode(file), this.#config.directory, globals);
    } catch (cause) {
      throw mistake(reference.where, messageOf(cause), undefined, cause);
    }
    return {
      maker: new Maker(config, this.#wanted),
      reference: { value: name || 'main', where: reference.where },
    };
  }

  #appOf(read: ReadSection): Promise<Application> {
    checkRequired(read, this.#config);
    if (read.type === 'pipeline') return this.#pipeline(read);
    if (read.type === 'filter-app') return this.#filterApp(read);
    const use = take(read, 'use');
    if (use === undefined) {
      const { protocol, factory } = this.#explicit(read, 'app');
      return this.#callApp(factory, protocol, read);
    }
    if (!isUri(use.value) || /^config:/i.test(use.value)) return this.app(use, read);
    const composite = read.type.startsWith('composit');
    return this.#callApp(use, composite ? 'paste.composite_factory' : 'paste.app_factory', read);
  }

  #filterOf(read: ReadSection): Promise<Filter> {
    checkRequired(read, this.#config);
    const use = take(read, 'use');
    if (use === undefined) {
      const { protocol, factory } = this.#explicit(read, 'filter');
      return this.#callFilter(factory, protocol, read);
    }
    if (!isUri(use.value) || /^config:/i.test(use.value)) return this.filter(use, read);
    return this.#callFilter(use, 'paste.filter_factory', read);
  }

  async #filterApp(read: ReadSection): Promise<Application> {
    const next = take(read, 'next');
    if (next === undefined) {
      throw mistake(
        read.section.where,
        'there is no next: the application behind the filter',
        'Write next = NAME.',
      );
    }
    const below = { ...nothingInherited, globals: read.globals, trail: read.trail };
    const application = await this.app(next, below);
    return (await this.#filterOf(read))(application);
  }

  async #pipeline(read: ReadSection): Promise<Application> {
    const pipeline = take(read, 'pipeline');
    if (pipeline === undefined) {
      throw mistake(
        read.section.where,
        'there is no pipeline',
        'Write pipeline = FILTER FILTER APPLICATION.',
      );
    }
    const extra = [...read.local].find(([key]) => read.own.has(key));
    if (extra !== undefined) {
      throw mistake(
        extra[1].where,
        'a pipeline takes no settings',
        'Write them in the sections that it names.',
      );
    }
    const names = pipeline.value.split(/\s+/).filter((name) => name !== '');
    const last = names.pop();
    if (last === undefined) throw mistake(pipeline.where, 'the pipeline is empty');
    const { where } = pipeline;
    const below = { ...nothingInherited, globals: read.globals, trail: read.trail };
    let application = await this.app({ value: last, where }, below);
    for (const name of names.reverse())
      application = await (await this.filter({ value: name, where }, below))(application);
    return application;
  }

  #explicit(read: ReadSection, kind: keyof typeof protocols): { protocol: Protocol; factory: Setting } {
    const given = protocols[kind].filter((protocol) => read.local.has(protocol));
    const [protocol, second] = given;
    if (second !== undefined) {
      throw mistake(read.section.where, `it has both ${protocol} and ${second}: one of them is enough`);
    }
    const factory = protocol === undefined ? undefined : take(read, protocol);
    if (protocol !== undefined && factory !== undefined) {
      return { protocol, factory: { ...factory, value: `call:${factory.value}` } };
    }
    const hint = `Write use = call:./file.js:factory, or one of npm:, config: and the name of another section.`;
    throw mistake(read.section.where, 'it does not say what it is: there is no use', hint);
  }

  async #callApp(factory: Setting, protocol: Protocol, inherited: Inherited): Promise<Application> {
    const { local, globals } = inherited;
    const callee = await loadFactory(factory, this.#config);
    if (callee === urlMapFactory) return this.#urlMap(factory, inherited);
    const settings = [plain(globals), plain(local)];
    const args = protocol.startsWith('paste.composit')
      ? [this.#loader(factory, inherited), ...settings]
      : settings;
    const made = await call(callee, args, factory);
    return resolve(made, this.#wanted, factory, 'its factory');
  }

  async #callFilter(factory: Setting, protocol: Protocol, { globals, local }: Inherited): Promise<Filter> {
    const callee = await loadFactory(factory, this.#config);
    if (callee === urlMapFactory) throw mistake(factory.where, 'a urlmap is an application, not a filter');
    const settings = [plain(globals), plain(local)];
    if (protocol === 'paste.filter_app_factory') {
      return (application) => applyFilter((app) => callee(app, ...settings), application, factory);
    }
    const filter = await call(callee, settings, factory);
    if (typeof filter !== 'function') {
      const what = filter === null ? 'null' : `of type ${typeof filter}`;
      throw mistake(
        factory.where,
        `what its factory returned is ${what}, not a filter: (application) => application`,
      );
    }
    return (application) => applyFilter(filter as Factory, application, factory);
  }

  /** Every key is a place and every value an application, but for `not_found_app`. */
  async #urlMap({ where }: Setting, { globals, local, trail }: Inherited): Promise<Application> {
    const below = { ...nothingInherited, globals, trail };
    const mounts: Mounted<Application>[] = [];
    const other = globals.get('not_found_app');
    let notFound = local.get('not_found_app') ?? (other === undefined ? undefined : { value: other, where });
    if (notFound?.value === '') notFound = undefined;
    for (const [key, setting] of local) {
      if (key === 'not_found_app') continue;
      mounts.push({ place: placeAt(key, setting), value: await this.app(setting, below) });
    }
    try {
      return urlMap(mounts, notFound && (await this.app(notFound, below)));
    } catch (cause) {
      if (cause instanceof ChaussetteError) throw cause;
      throw mistake(where, messageOf(cause), undefined, cause);
    }
  }

  #loader({ where }: Setting, { globals, trail }: Inherited): PasteLoader {
    const below = (given: Settings | undefined): Inherited => ({
      ...nothingInherited,
      globals: given === undefined ? globals : new Map(Object.entries(given)),
      trail,
    });
    return {
      getApp: async (name, given) => callable(await this.app({ value: name, where }, below(given))),
      getFilter: async (name, given) => {
        const filter = await this.filter({ value: name, where }, below(given));
        return async (application) =>
          callable(await filter(await resolve(application, this.#wanted, { value: name, where }, 'it')));
      },
    };
  }
}

/** `require`: packages that must be there. */
function checkRequired(read: ReadSection, config: Config): void {
  const required = take(read, 'require');
  for (const name of required?.value.split(/\s+/) ?? []) {
    if (name === '' || config.findPackage(name) !== undefined) continue;
    throw mistake(required?.where ?? read.section.where, `the package ${name} is not installed`);
  }
}

function placeAt(key: string, { value, where }: Setting): Mounted<unknown>['place'] {
  try {
    return parsePlace(key);
  } catch (cause) {
    const cut = /^https?$/i.test(key) && value.startsWith('//');
    const hint = cut
      ? `A key ends at its first colon: write domain ${value.slice(2).split(/[/\s]/, 1)[0]} / = NAME.`
      : 'Write a path such as /blog, or domain example.com /blog.';
    throw mistake(where, `this is not where an application can be mounted: ${messageOf(cause)}`, hint);
  }
}

async function applyFilter(
  filter: Factory,
  application: Application,
  factory: Setting,
): Promise<Application> {
  const filtered = await call(filter, [callable(application)], factory, 'its filter');
  return resolve(filtered, application.interface, factory, 'its filter');
}

/** An application as filters and composites get it: to be called; of fetch with a `fetch`, too. */
function callable(application: Application): unknown {
  if (application.interface !== 'fetch') return application.call;
  const { call: fetch } = application;
  return Object.assign((request: Request, environment: object) => fetch(request, environment), { fetch });
}

async function call(
  factory: Factory,
  args: readonly unknown[],
  { value, where }: Setting,
  who = 'its factory',
): Promise<unknown> {
  try {
    return await factory(...args);
  } catch (cause) {
    if (cause instanceof ChaussetteError && cause.code === 'CHAUSSETTE_ERR_PASTE') throw cause;
    const stack = cause instanceof Error ? (cause.stack ?? cause.message) : undefined;
    throw mistake(where, `${who} (${value}) threw: ${messageOf(cause)}`, stack, cause);
  }
}

async function resolve(
  made: unknown,
  wanted: 'auto' | InterfaceName,
  { where }: Setting,
  who: string,
): Promise<Application> {
  try {
    return await resolveApplication(made, wanted);
  } catch (cause) {
    const hint = cause instanceof ChaussetteError ? cause.hint : undefined;
    throw mistake(where, `of what ${who} returned: ${messageOf(cause)}`, hint, cause);
  }
}

function plain(values: ReadonlyMap<string, string | Setting>): Settings {
  const entries = [...values].map(([key, value]) => [key, typeof value === 'string' ? value : value.value]);
  return Object.fromEntries(entries) as Settings;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

import { groups, type Kind, type KindValues, type Option } from './option-kinds.js';
import { applicationOptions } from './options/application.js';
import { limitsOptions } from './options/limits.js';
import { loggingOptions } from './options/logging.js';
import { observingOptions } from './options/observing.js';
import { otherOptions } from './options/other.js';
import { proxiesOptions } from './options/proxies.js';
import { servingOptions } from './options/serving.js';
import { socketsOptions } from './options/sockets.js';
import { tlsOptions } from './options/tls.js';

export { groups, type Kind, type Option };

/** Every option there is: parsing, `--help` and the documentation come from here. */
export const table = {
  ...socketsOptions,
  ...servingOptions,
  ...tlsOptions,
  ...proxiesOptions,
  ...limitsOptions,
  ...applicationOptions,
  ...loggingOptions,
  ...observingOptions,
  ...otherOptions,
} as const satisfies Record<string, Option>;

type Table = typeof table;
type ValueOf<Row> = Row extends { readonly choices: readonly (infer Choice)[] }
  ? Choice
  : Row extends { readonly kind: infer K extends Kind }
    ? KindValues[K]
    : never;

export type OptionName = keyof Table;

/** The value of every option: durations in seconds and sizes in bytes, as on the command line. */
export type Options = {
  readonly [Name in OptionName]: Table[Name] extends { readonly default: unknown }
    ? ValueOf<Table[Name]>
    : ValueOf<Table[Name]> | undefined;
};

export const optionNames = Object.keys(table) as readonly OptionName[];

/** @returns The row of the table, without what is particular to it. */
export function optionOf(name: OptionName): Option {
  return table[name];
}

/** `gracefulTimeout` ▶ `graceful-timeout`. */
export function flagOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `gracefulTimeout` ▶ `CHAUSSETTE_GRACEFUL_TIMEOUT`. */
export function variableOf(name: string): string {
  return `CHAUSSETTE_${flagOf(name).replaceAll('-', '_').toUpperCase()}`;
}

/** What an option holds: how its text is read (lib/config.ts), and the type of its value. */
export interface KindValues {
  flag: boolean;
  text: string;
  /** Repeatable; in the environment separated by commas. */
  list: readonly string[];
  /** Repeatable; directories separated like PATH. */
  paths: readonly string[];
  integer: number;
  /** A decimal number. */
  seconds: number;
  /** With a suffix k, m or g in powers of 1024, or `none`, which is 0. */
  bytes: number;
  octal: number;
  descriptor: number;
}

export type Kind = keyof KindValues;

export const groups = [
  'Sockets',
  'Serving',
  'TLS',
  'Proxies',
  'Limits',
  'Application',
  'Logging',
  'Observing',
  'Other',
] as const;

/** One row of the table of options (lib/options/, one file a group). The flag is `--name`, the environment variable `CHAUSSETTE_NAME`, the key in a
 *  configuration file `name` in any spelling: `graceful-timeout`, `graceful_timeout`, `gracefulTimeout`. */
export interface Option {
  readonly kind: Kind;
  readonly group: (typeof groups)[number];
  /** What stands for the value in `--help`. */
  readonly unit?: string;
  readonly default?: boolean | number | string | readonly string[];
  /** Shown in `--help` when there is no `default`, or when it reads badly. */
  readonly shown?: string;
  readonly choices?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  /** Other flags with the same meaning. */
  readonly aliases?: readonly string[];
  readonly short?: string;
  /** Belongs on the command line: not read from the environment or from a file. */
  readonly command?: true;
  readonly help: string;
}

/** The largest count that an option takes. */
export const countMax = 2_147_483_647;

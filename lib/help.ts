import { createRequire } from 'node:module';
import { flagOf, groups, type OptionName, optionNames, optionOf } from './options.js';

const widthMax = 80;
const helpColumn = 26;

/** Of every end of the command. */
export const exitCodes = [
  [0, 'stopped as asked'],
  [1, 'unexpected error'],
  [2, 'usage: an option, its value or a configuration file'],
  [3, 'the application cannot be loaded, or does not listen'],
  [4, 'the socket cannot be bound or used'],
  [5, 'the backend is not available'],
  [6, 'a hook failed'],
  [7, 'requests were cut at the end of --graceful-timeout'],
] as const;

/** What each signal does. */
export const signals = [
  ['SIGTERM, SIGINT', 'stop accepting, answer what is in flight, end'],
  ['SIGQUIT, SIGINT twice', 'stop now'],
  ['SIGHUP', 'open the log files and read the certificates again'],
  ['SIGUSR2', 'log what is in flight, and counters'],
] as const;

/** The text of `--help`, at most 80 columns wide. */
export function helpText(): string {
  const lines = [
    'Usage: chaussette [options] [application] [arguments...]',
    '',
    ...wrap(
      'Serves an application on a socket of its own, or on one that Circus, Supervisor or systemd hands over. ' +
        'The application is an import string: server.app, server:app, ./server.js:app, server:factory(). ' +
        'A program that listens by itself is served as well: ./server.js. Without an application, a built-in hello answers.',
      0,
    ),
  ];
  for (const group of groups) {
    lines.push('', `${group}:`);
    for (const name of optionNames) if (optionOf(name).group === group) lines.push(...describe(name));
  }
  lines.push(
    '',
    ...wrap(
      'Every option can also be given as an environment variable (--port is CHAUSSETTE_PORT) or in the file of ' +
        '--config. Flags come before the environment, and that before the file.',
      0,
    ),
    '',
    'Signals:',
    ...signals.flatMap(([names, meaning]) => row(names, meaning)),
    '',
    'Exit codes:',
    ...exitCodes.map(([code, meaning]) => `  ${code}  ${meaning}`),
    '',
  );
  return lines.join('\n');
}

/** `chaussette 0.1.0`. */
export function versionText(): string {
  // By the name of the package: a bundled chunk lies deeper than this file.
  const content = createRequire(import.meta.url)('chaussette-server/package.json') as {
    readonly version: string;
  };
  return `chaussette ${content.version}`;
}

function describe(name: OptionName): string[] {
  const option = optionOf(name);
  const flags = [...(option.short ? [`-${option.short}`] : []), `--${flagOf(name)}`].join(', ');
  const value =
    option.shown ?? (option.kind === 'list' || option.kind === 'paths' ? undefined : option.default);
  const shown = value === undefined || value === false ? '' : ` [${value}]`;
  const aliases = option.aliases === undefined ? '' : ` Also --${option.aliases.join(', --')}.`;
  return row(`${flags}${option.unit ? ` ${option.unit}` : ''}`, `${option.help}${aliases}${shown}`);
}

function row(left: string, text: string): string[] {
  const lines = wrap(text, helpColumn);
  const head = `  ${left}`;
  if (head.length >= helpColumn) return [head, ...lines];
  return [head.padEnd(helpColumn) + (lines[0] ?? '').trimStart(), ...lines.slice(1)];
}

/** Lines of at most 80 columns. */
export function wrap(text: string, indent: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent + line.length + 1 + word.length > widthMax) {
      lines.push(' '.repeat(indent) + line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, ' '.repeat(indent) + line];
}

// What is written about the options, from the one table of them (lib/options.ts), and the way from page to page:
// `npm run docs`.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { exitCodes, signals } from '../lib/help.js';
import { flagOf, groups, type Option, optionNames, optionOf, variableOf } from '../lib/options.js';
import { navigate, withNavigation } from './docs-navigation.js';

/** Relative to the package, with what belongs in them. */
export const generated: readonly { readonly path: string; readonly text: () => string }[] = [
  { path: 'docs/options.md', text: () => withNavigation('docs/options.md', markdown()) },
  { path: 'docs/config.schema.json', text: () => `${JSON.stringify(schema(), undefined, 2)}\n` },
];

function markdown(): string {
  const lines = [
    '# Options',
    '',
    '<!-- Made by `npm run docs` from lib/options/. -->',
    '',
    'Flags come before the environment, the environment before the file of `--config`, and that before `[server:main]` of',
    'a `paste:` application. Keys of a file may also be written `graceful-timeout` or `graceful_timeout`; `application` and',
    '`arguments` stand beside them. The file is JSON, with comments if you like, or a module in JavaScript or TypeScript',
    'whose default export is the object.',
    '',
    '`chaussette.config.ts`:',
    '',
    '```ts',
    "import type { Config } from 'chaussette-server';",
    '',
    "export default { application: './server.js:app', bind: ['127.0.0.1:8080'], gracefulTimeout: 10 } satisfies Config;",
    '```',
    '',
    '```console',
    '$ chaussette --check --config chaussette.config.ts',
    'Application is server.js:app',
    'Backend is native',
    'Nothing was bound: --check',
    '```',
    '',
    'For JSON, `"$schema": "./node_modules/chaussette-server/docs/config.schema.json"` lets editors complete and check it.',
    'Shells complete the flags after `source <(chaussette --completion bash)` (zsh likewise), or',
    '`chaussette --completion fish | source`.',
    '',
    'Units: S is seconds, fractions allowed; BYTES takes `k`, `m` and `g` for powers of 1024, and `none`. In the environment',
    'the values of a repeatable option are separated by commas, directories as in PATH.',
  ];
  for (const group of groups) {
    lines.push('', `## ${group}`, '');
    lines.push('| flag | environment, key | default | meaning |', '|---|---|---|---|');
    for (const name of optionNames) if (optionOf(name).group === group) lines.push(row(name, optionOf(name)));
  }
  lines.push('', '## Signals', '', '| signal | |', '|---|---|');
  for (const [names, meaning] of signals) lines.push(`| ${names} | ${meaning} |`);
  lines.push('', '## Exit codes', '', '| code | |', '|---|---|');
  for (const [code, meaning] of exitCodes) lines.push(`| ${code} | ${meaning} |`);
  return `${lines.join('\n')}\n`;
}

function row(name: string, option: Option): string {
  const short = option.short === undefined ? '' : `\`-${option.short}\`, `;
  const flag = `${short}\`--${flagOf(name)}${option.unit === undefined ? '' : ` ${option.unit}`}\``;
  const aliases = (option.aliases ?? []).map((alias) => `<br>\`--${alias}\``).join('');
  const elsewhere = option.command
    ? 'command line only'
    : `\`${variableOf(name)}\`${name === 'config' ? '' : `<br>\`${name}\``}`;
  const value = option.shown ?? (Array.isArray(option.default) ? '' : String(option.default ?? ''));
  return `| ${flag}${aliases} | ${elsewhere} | ${value === 'false' ? 'off' : value} | ${option.help.replaceAll('|', '\\|')} |`;
}

function schema(): unknown {
  const text = { type: 'string' };
  const texts = { oneOf: [text, { type: 'array', items: text }] };
  const spellings: Record<string, unknown> = {};
  const properties: Record<string, unknown> = {
    $schema: text,
    application: { ...text, description: 'The import string of the application.' },
    arguments: {
      type: 'array',
      items: { type: ['string', 'number'] },
      description: 'What it finds in process.argv.',
    },
  };
  for (const name of optionNames) {
    const option = optionOf(name);
    if (option.command || name === 'config') continue;
    const value = { description: option.help, ...typeOf(option, texts) };
    const plain = option.default === undefined || Array.isArray(option.default);
    properties[name] = plain ? value : { ...value, default: option.default };
    const flags = [flagOf(name), ...(option.aliases ?? [])];
    const others = flags.flatMap((flag) => [flag, flag.replaceAll('-', '_')]).filter((key) => key !== name);
    if (others.length > 0)
      spellings[`^(${[...new Set(others)].join('|')})$`] = { $ref: `#/properties/${name}` };
  }
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Configuration of chaussette (--config)',
    type: 'object',
    properties,
    patternProperties: spellings,
    additionalProperties: false,
  };
}

function typeOf({ kind, choices, min = 0, max }: Option, texts: object): object {
  switch (kind) {
    case 'flag':
      return { type: 'boolean' };
    case 'integer':
    case 'descriptor':
      return { type: 'integer', minimum: min, ...(max === undefined ? {} : { maximum: max }) };
    case 'seconds':
      return { type: 'number', minimum: 0 };
    case 'bytes':
      return { type: ['integer', 'string'], pattern: '^(none|\\d+[kKmMgG]?([iI]?[bB])?)$', minimum: min };
    case 'octal':
      return { type: 'string', pattern: '^(0o)?[0-7]{1,4}$' };
    case 'list':
    case 'paths':
      return texts;
    case 'text':
      return choices === undefined ? { type: 'string' } : { enum: choices };
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = new URL('../', import.meta.url);
  for (const { path, text } of generated) writeFileSync(new URL(path, root), text());
  navigate();
}

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { flagOf, optionNames, optionOf } from '../../lib/options.js';
import { Command } from '../helpers/command.js';
import { missing, root, temporaryDirectory } from '../helpers/processes.js';

test('bash completes flags, their values, and files', async (t) => {
  const command = new Command(t, ['--completion', 'bash']);
  assert.equal(await command.end(), 0, command.stderr);
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'server.js'), '');
  mkdirSync(join(directory, 'sub'));

  /** What bash offers for the last word. */
  const complete = (...words: string[]): string[] => {
    const script = `source <(cat)
      COMP_WORDS=(chaussette "$@"); COMP_CWORD=$#
      _chaussette; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const output = execFileSync('bash', ['--norc', '-c', script, 'bash', ...words], {
      input: command.stdout,
      cwd: directory,
      encoding: 'utf8',
    });
    return output.split('\n').filter((line) => line !== '');
  };

  assert.deepEqual(complete('--grace'), ['--graceful-timeout']);
  assert.deepEqual(complete('--python'), ['--python-path']);
  const all = [...optionNames.map(flagOf), ...optionNames.flatMap((name) => optionOf(name).aliases ?? [])];
  assert.deepEqual(complete('--').sort(), all.map((flag) => `--${flag}`).sort());
  assert.deepEqual(complete('--log-format', ''), ['text', 'json']);
  assert.deepEqual(complete('--interface', '=', 'w'), ['wsgi']);
  assert.deepEqual(complete('--interface', '='), ['auto', 'node', 'fetch', 'wsgi']);
  assert.deepEqual(complete('--backend', 'wsgir'), ['wsgiref']);
  assert.deepEqual(complete('--config', 's').sort(), ['server.js', 'sub']);
  assert.deepEqual(complete('--module-path', 's'), ['sub']);
  assert.deepEqual(complete('--port', ''), []);
  assert.deepEqual(complete('--no-monkey', 'ser'), ['server.js']);
});

interface Shell {
  readonly name: 'zsh' | 'fish';
  /** What the shell itself offers behind `chaussette LINE`, in any order. */
  readonly offers: (script: string, line: string, directory: string) => string[];
}

const shells: readonly Shell[] = [
  {
    name: 'zsh',
    offers: (script, line, directory) => {
      const file = join(directory, '.offers');
      execFileSync('zsh', ['-f', join(root, 'test/helpers/zsh-offers.zsh'), script, line, file], {
        cwd: directory,
      });
      return readFileSync(file, 'utf8').split('\n');
    },
  },
  {
    name: 'fish',
    offers: (script, line, directory) => {
      const code = 'source $argv[1]; complete -C $argv[2]';
      const output = execFileSync('fish', ['--no-config', '-c', code, script, line], {
        cwd: directory,
        encoding: 'utf8',
      });
      // The description stands behind a tab; of --flag=value it offers the whole.
      return output.split('\n').map((each) => each.replace(/\/?(?:\t.*)?$/, '').replace(/^--interface=/, ''));
    },
  },
];

for (const { name, offers } of shells) {
  test(`${name} completes flags, their values, and files`, { skip: missing(name) }, async (t) => {
    const command = new Command(t, ['--completion', name]);
    assert.equal(await command.end(), 0, command.stderr);
    const directory = temporaryDirectory(t);
    writeFileSync(join(directory, 'server.js'), '');
    mkdirSync(join(directory, 'sub'));
    const script = join(directory, '.completion');
    writeFileSync(script, command.stdout);
    const complete = (line: string): string[] => {
      const found = offers(script, `chaussette ${line}`, directory);
      return [...new Set(found)].filter((each) => each !== '').sort();
    };

    assert.deepEqual(complete('--grace'), ['--graceful-timeout']);
    const all = [...optionNames.map(flagOf), ...optionNames.flatMap((each) => optionOf(each).aliases ?? [])];
    assert.deepEqual(complete('--'), all.map((flag) => `--${flag}`).sort());
    assert.deepEqual(complete('--log-format '), ['json', 'text']);
    assert.deepEqual(complete('--interface=w'), ['wsgi']);
    assert.deepEqual(complete('--backend wsgir'), ['wsgiref']);
    assert.deepEqual(complete('--config s'), ['server.js', 'sub']);
    assert.deepEqual(complete('--module-path s'), ['sub']);
    assert.deepEqual(complete('--port '), []);
    assert.deepEqual(complete('--no-monkey ser'), ['server.js']);
  });
}

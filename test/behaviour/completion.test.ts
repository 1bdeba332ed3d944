import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { completionText } from '../../lib/completion.js';
import { flagOf, optionNames, optionOf } from '../../lib/options.js';
import { Command } from '../helpers/command.js';
import { temporaryDirectory } from '../helpers/processes.js';

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

test('zsh and fish know every flag', () => {
  for (const name of optionNames) {
    for (const flag of [flagOf(name), ...(optionOf(name).aliases ?? [])]) {
      assert.match(completionText('zsh', []), new RegExp(`'\\*--${flag}[=[]`));
      assert.match(completionText('fish', []), new RegExp(`^complete -c chaussette -l ${flag} `, 'm'));
    }
  }
});

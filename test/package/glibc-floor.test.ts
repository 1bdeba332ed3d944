import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newest, tooNew } from '../../scripts/glibc-floor.js';

const table = `
DYNAMIC SYMBOL TABLE:
0000000000000000      DF *UND*	0000000000000000 (GLIBC_2.2.5) recv
0000000000000000      DF *UND*	0000000000000000 (GLIBC_2.28)  statx
0000000000000000      DF *UND*	0000000000000000 (GLIBC_2.33)  fstat64
0000000000000000      DF *UND*	0000000000000000  GLIBC_2.34   dlsym
0000000000000000      DF *UND*	0000000000000000 (GLIBCXX_3.4.32) _ZSt21ios_base_library_initv
0000000000000000      DF *UND*	0000000000000000 (CXXABI_1.3.9) _ZdlPvm
0000000000000000      DF *UND*	0000000000000000              napi_create_object
000000000000d3c0 g    DF .text	000000000000003c  Base        napi_register_module_v1
`;

test('symbols newer than glibc 2.28, and newer than the libstdc++ that Node asks for, are named', () => {
  assert.deepEqual(tooNew(table), [
    'fstat64 needs GLIBC_2.33',
    'dlsym needs GLIBC_2.34',
    '_ZSt21ios_base_library_initv needs GLIBCXX_3.4.32',
  ]);
});

test('a library that nobody has thought of is too new', () => {
  const [line] = tooNew('0 DF *UND*	0000000000000000 (FANCY_1.0) wish');
  assert.equal(line, 'wish needs FANCY_1.0');
});

test('the newest version of each library', () => {
  assert.deepEqual(newest(table), ['CXXABI_1.3.9', 'GLIBCXX_3.4.32', 'GLIBC_2.34']);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missingTool } from './addon-compiler.ts';

test('the missing tool is found in the words of whoever missed it', () => {
  for (const [text, tool] of [
    ['gyp ERR! stack Error: not found: make\ngyp ERR! stack at getNotFoundError', 'make'],
    [
      'make: arm-linux-gnueabi-g++: No such file or directory\nmake: *** [a.target.mk:99: a.o] Error 127',
      'arm-linux-gnueabi-g++',
    ],
    ['/bin/sh: 1: g++: not found', 'g++'],
    ['bash: line 1: cc: command not found', 'cc'],
    ['gyp ERR! find Python \ngyp ERR! stack Error: Could not find any Python installation to use', 'Python'],
    ['../a.cc:1:10: fatal error: missing.h: No such file or directory', null],
    ['gyp ERR! stack Error: `make` failed with exit code: 2', null],
    ['make: *** No rule to make target', null],
  ] as const)
    assert.equal(missingTool(text), tool, text);
});

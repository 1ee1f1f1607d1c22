import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { type CommandResult, startCommand } from '../support/command.ts';
import { processesOf } from '../support/left-overs.ts';

/** What the line of each step must say: the numbers are measured, the rest is a promise. */
const LINES: readonly (readonly [title: string, ...facts: RegExp[]])[] = [
  ['image built', /kernel [\d.]+ MB/, /root [\d.]+ MB/, /image [\d.]+ MB/],
  ['server up', /dashboard http:\/\/127\.0\.0\.1:\d+/, /release keys for this story only/],
  [
    'device booted',
    /UEFI firmware and boot loader [\d.]+ s/,
    /kernel to init [\d.]+ s/,
    /init to agent/,
    /agent to online/,
  ],
  ['device enrolled', /made on the device/, /certificate [0-9a-fA-F]+/, /without a certificate got (401|403|refused)/],
  ['app hello 1.0.0 deployed', /bundle [\d.]+ MB for linux-x64-glibc/, /answers hello 1\.0\.0/, /addon says [0-9a-f]+/],
  ['app swapped to 2.0.0', /app outage \d+ ms/, /1\.0\.0 then 2\.0\.0, no reboot/],
  ['app 3.0.0 rolled back', /rolled back to 2\.0\.0/, /reason: .*crashes at its start/],
  [
    'system 1.1.0 confirmed',
    /outage through kexec [\d.]+ s/,
    /cold reboot of the same system [\d.]+ s/,
    /ratio [\d.]+/,
  ],
  ['system 1.2.0 rolled back', /back on 1\.1\.0 in slot b by itself/, /reason: \S+/],
  ['forged bundles refused', /tampered: HASH_MISMATCH/, /wrong key: (SIGNATURE|METADATA)_INVALID/],
];

let result: CommandResult;
let marker: string;
before(async () => {
  const story = startCommand('npm', ['start', '--', '--exit'], { show: true });
  marker = story.marker;
  result = await story.ended;
});

for (const [index, [title, ...facts]] of LINES.entries()) {
  test(`step ${index + 1}: ${title}`, () => {
    const start = `[${String(index + 1).padStart(2)}/10] ${title}: ok in `;
    const line = result.stdout.split('\n').find((text) => text.startsWith(start));
    assert.ok(line, `no line begins with "${start}":\n${result.stdout}\n${result.stderr}`);
    for (const fact of facts) assert.match(line, fact);
  });
}

test('the story ends with exit code 0 and leaves no process behind', () => {
  assert.equal(result.code, 0, result.stderr);
  assert.match(result.stdout, /The story is told/);
  assert.deepEqual(processesOf(marker), []);
});

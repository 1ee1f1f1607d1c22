import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Ajv } from 'ajv';
import { appSettingsSchema, packageJsonSchema } from './app-settings.ts';

const FILE = new URL('./package-json.schema.json', import.meta.url);
const full = {
  start: ['node', 'main.js'],
  env: { MODE: 'sign' },
  user: 'kiosk',
  ports: [8080],
  web: true,
  forward: { 80: 8080 },
  devices: ['gpio', 'i2c?', 'spi', 'serial', 'display', '/dev/ttyUSB0', '/dev/input/event0?'],
  network: 'host',
  memoryMiB: 64,
  diskMiB: 200,
  probe: '/health',
  startMs: 60_000,
  soakMs: 1000,
  swap: 'stop-first',
  stopGraceMs: 500,
  dependsOn: ['broker'],
  holdUpdatesMs: 60_000,
  data: { version: 2, migrations: { 2: { up: ['node', 'up.js'], down: ['node', 'down.js'] } } },
  kiosk: false,
};
const wrong: Record<string, unknown> = {
  'a field that is none': { prots: [80] },
  'a kind of device that is none': { devices: ['gpoi'] },
  'a path that leaves /dev': { devices: ['/dev/../etc/passwd'] },
  'a port out of range': { ports: [0] },
  'an outside port out of range': { forward: { 65536: 80 } },
  'an outside port that is none': { forward: { http: 80 } },
  'a probe that is no path': { probe: 'health' },
  'a migration without a way back': { data: { version: 2, migrations: { 2: { up: ['node', 'up.js'] } } } },
  'a user that is no name': { user: 'Root' },
};

describe('nodeos in package.json', () => {
  const check = new Ajv({ allErrors: true }).compile(packageJsonSchema());

  it('is described for editors by the file that is committed', () => {
    // Made anew by: node -e "import('./contracts/app-settings.ts').then((m) => console.log(JSON.stringify(m.packageJsonSchema())))"
    assert.deepEqual(JSON.parse(readFileSync(FILE, 'utf8')), JSON.parse(JSON.stringify(packageJsonSchema())));
  });

  it('every field has a description', () => {
    for (const [name, field] of Object.entries(appSettingsSchema.shape))
      assert.ok((field.unwrap().description ?? field.description ?? '').length > 20, name);
  });

  it('every field stands in the documentation, and no other', () => {
    const page = readFileSync(new URL('../docs/apps.md', import.meta.url), 'utf8');
    const table = page.slice(page.indexOf('| field |'), page.indexOf('### Data'));
    const named = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
    assert.deepEqual(named.sort(), Object.keys(appSettingsSchema.shape).sort());
  });

  it('takes every field, and JSON Schema agrees', () => {
    assert.deepEqual(Object.keys(full).sort(), Object.keys(appSettingsSchema.shape).sort());
    assert.deepEqual(appSettingsSchema.parse(full), full);
    assert.ok(check({ name: 'x', nodeos: full }), JSON.stringify(check.errors));
  });

  for (const [what, value] of Object.entries(wrong))
    it(`refuses ${what}, and JSON Schema agrees`, () => {
      assert.equal(appSettingsSchema.safeParse(value).success, false);
      assert.equal(check({ nodeos: value }), false);
    });

  it('refuses data versions without a migration to each, and migrations beyond', () => {
    const step = { up: ['node', 'u'], down: ['node', 'd'] };
    const data = (version: number, ...at: number[]) => ({
      data: { version, migrations: Object.fromEntries(at.map((key) => [key, step])) },
    });
    assert.ok(appSettingsSchema.safeParse(data(1)).success);
    assert.ok(appSettingsSchema.safeParse(data(3, 2, 3)).success);
    for (const value of [data(3, 3), data(3, 2), data(1, 2), data(2, 1, 2)])
      assert.match(appSettingsSchema.safeParse(value).error?.message ?? '', /no migration to version|one too many/);
  });
});

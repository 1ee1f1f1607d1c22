import type { Kysely } from 'kysely';
import type { ConfigurationRecord, ConfigurationStore } from '../configurations.ts';
import type { Tables } from './tables.ts';

type Place = ConfigurationRecord['to'];

export class SqlConfigurations implements ConfigurationStore {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  #ordered() {
    return this.#db.selectFrom('app_configurations').selectAll().orderBy('app').orderBy('level').orderBy('name');
  }

  async list(): Promise<ConfigurationRecord[]> {
    return (await this.#ordered().execute()).map(fromRow);
  }

  async listFor(device: string): Promise<ConfigurationRecord[]> {
    const rows = await this.#ordered()
      .where((is) => is.or([is('level', '<', LEVELS.device), is('name', '=', device)]))
      .execute();
    return rows.map(fromRow);
  }

  async put({ app, to, values, changedAt }: ConfigurationRecord): Promise<void> {
    const place = toColumns(to);
    const set = { settings: JSON.stringify(values), changed_at: changedAt };
    if (Object.keys(values).length > 0)
      await this.#db
        .insertInto('app_configurations')
        .values({ app, ...place, ...set })
        .onConflict((conflict) => conflict.columns(['app', 'level', 'name']).doUpdateSet(set))
        .execute();
    else
      await this.#db
        .deleteFrom('app_configurations')
        .where('app', '=', app)
        .where('level', '=', place.level)
        .where('name', '=', place.name)
        .execute();
  }

  async removePlace(to: Place): Promise<void> {
    const { level, name } = toColumns(to);
    await this.#db.deleteFrom('app_configurations').where('level', '=', level).where('name', '=', name).execute();
  }
}

/** In the order in which they go before each other, the last first. */
const LEVELS = { fleet: 0, group: 1, device: 2 } as const;

function toColumns(to: Place): { level: number; name: string } {
  if ('device' in to) return { level: LEVELS.device, name: to.device };
  return 'group' in to ? { level: LEVELS.group, name: to.group } : { level: LEVELS.fleet, name: '' };
}

function fromRow({ app, level, name, settings, changed_at }: Tables['app_configurations']): ConfigurationRecord {
  const to: Place =
    level === LEVELS.device ? { device: name } : level === LEVELS.group ? { group: name } : { fleet: true };
  return { app, to, values: JSON.parse(settings), changedAt: changed_at };
}

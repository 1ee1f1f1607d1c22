import type { Registration } from '@nodeos/contracts/provisioning.ts';
import type { Kysely } from 'kysely';
import type { ProvisioningStore } from '../provisioning.ts';
import type { Tables } from './tables.ts';

export class SqlProvisioning implements ProvisioningStore {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  async listRegistrations(): Promise<Registration[]> {
    return (await this.#db.selectFrom('registrations').selectAll().orderBy('serial').execute()).map(fromRow);
  }

  async getRegistration(serial: string): Promise<Registration | null> {
    const query = this.#db.selectFrom('registrations').selectAll().where('serial', '=', serial);
    const row = await query.executeTakeFirst();
    return row === undefined ? null : fromRow(row);
  }

  async putRegistration({ serial, tags, approve, createdAt }: Omit<Registration, 'device'>): Promise<boolean> {
    const isNew = (await this.getRegistration(serial)) === null;
    const changed = { tags: JSON.stringify(tags), approve: approve ? 1 : 0 };
    await this.#db
      .insertInto('registrations')
      .values({ serial, ...changed, created_at: createdAt, device: null })
      .onConflict((conflict) => conflict.columns(['serial']).doUpdateSet(changed))
      .execute();
    return isNew;
  }

  async setRegistrationDevice(serial: string, device: string): Promise<void> {
    await this.#db.updateTable('registrations').set({ device }).where('serial', '=', serial).execute();
  }

  async removeRegistration(serial: string): Promise<void> {
    await this.#db.deleteFrom('registrations').where('serial', '=', serial).execute();
  }

  async noteHardware(device: string, macs: readonly string[]): Promise<{ mac: string; device: string }[]> {
    if (macs.length === 0) return [];
    const query = this.#db.selectFrom('network_hardware').select(['mac', 'device']).where('device', '!=', device);
    const others = await query.where('mac', 'in', macs).execute();
    await this.#db
      .insertInto('network_hardware')
      .values([...new Set(macs)].map((mac) => ({ mac, device })))
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    return others.map(({ mac, device: other }) => ({ mac, device: other }));
  }

  async addRemovedDevice(id: string, at: number): Promise<void> {
    await this.#db
      .insertInto('removed_devices')
      .values({ id, at })
      .onConflict((conflict) => conflict.columns(['id']).doUpdateSet({ at }))
      .execute();
  }

  async isRemovedDevice(id: string): Promise<boolean> {
    const query = this.#db.selectFrom('removed_devices').select('id').where('id', '=', id);
    return (await query.executeTakeFirst()) !== undefined;
  }
}

const fromRow = (row: Tables['registrations']): Registration => ({
  serial: row.serial,
  tags: JSON.parse(row.tags),
  approve: row.approve === 1,
  createdAt: row.created_at,
  device: row.device,
});

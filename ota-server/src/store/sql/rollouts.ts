import type { DesiredState } from '@nodeos/contracts/desired-state.ts';
import { type Kysely, type RawBuilder, type Selectable, sql } from 'kysely';
import type {
  Assignment,
  AssignmentCount,
  AssignmentFilter,
  DeploymentPatch,
  DeploymentRecord,
  GroupRecord,
  Rollouts,
} from '../rollouts.ts';
import { chunks, type Engine, overwriting } from './engine.ts';
import type { AssignmentRow, Tables } from './tables.ts';

/** With fewer devices that want the same, a statement of their own costs more than it saves. */
const FEW = 10;
/** Rows that one statement takes as JSON. */
const RECORDS = 10_000;

export class SqlRollouts implements Rollouts {
  readonly #db: Kysely<Tables>;
  readonly #engine: Engine;

  constructor(db: Kysely<Tables>, engine: Engine) {
    this.#db = db;
    this.#engine = engine;
  }

  async putGroup({ name, query, devices, window, createdAt }: GroupRecord): Promise<void> {
    const row = {
      name,
      query,
      devices: JSON.stringify(devices),
      window: JSON.stringify(window),
      created_at: createdAt,
    };
    await this.#db
      .insertInto('groups')
      .values(row)
      .onConflict((conflict) => conflict.columns(['name']).doUpdateSet(overwriting(Object.keys(row))))
      .execute();
  }

  async getGroup(name: string): Promise<GroupRecord | null> {
    const row = await this.#db.selectFrom('groups').selectAll().where('name', '=', name).executeTakeFirst();
    return row === undefined ? null : groupFromRow(row);
  }

  async listGroups(): Promise<GroupRecord[]> {
    return (await this.#db.selectFrom('groups').selectAll().orderBy('name').execute()).map(groupFromRow);
  }

  async removeGroup(name: string): Promise<void> {
    await this.#db.deleteFrom('groups').where('name', '=', name).execute();
  }

  async addDeployment(deployment: Omit<DeploymentRecord, 'sequence'>): Promise<DeploymentRecord> {
    const { to, rollout, approvedWave, createdAt, endedAt, ...rest } = deployment;
    const row = await this.#db
      .insertInto('deployments')
      .values({
        ...rest,
        destination: JSON.stringify(to),
        rollout: JSON.stringify(rollout),
        approved_wave: approvedWave,
        created_at: createdAt,
        ended_at: endedAt,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    return deploymentFromRow(row);
  }

  async getDeployment(id: string): Promise<DeploymentRecord | null> {
    const row = await this.#db.selectFrom('deployments').selectAll().where('id', '=', id).executeTakeFirst();
    return row === undefined ? null : deploymentFromRow(row);
  }

  async listDeployments(): Promise<DeploymentRecord[]> {
    const rows = await this.#db.selectFrom('deployments').selectAll().orderBy('sequence', 'desc').execute();
    return rows.map(deploymentFromRow);
  }

  async updateDeployment(id: string, { approvedWave, endedAt, ...same }: DeploymentPatch): Promise<void> {
    const row = {
      ...same,
      ...(approvedWave === undefined ? {} : { approved_wave: approvedWave }),
      ...(endedAt === undefined ? {} : { ended_at: endedAt }),
    };
    await this.#db.updateTable('deployments').set(row).where('id', '=', id).execute();
  }

  addAssignments(assignments: readonly Assignment[]): Promise<void> {
    return this.#insert(assignments, false);
  }

  putAssignments(assignments: readonly Assignment[]): Promise<void> {
    return this.#insert(assignments, true);
  }

  async #insert(assignments: readonly Assignment[], overwrites: boolean): Promise<void> {
    for (const chunk of chunks(assignments, RECORDS)) {
      const rows = chunk.map(assignmentToRow);
      const columns = Object.keys(rows[0] ?? {}) as (keyof AssignmentRow)[];
      const insert = this.#db.insertInto('assignments');
      const filled =
        rows.length === 1
          ? insert.values(rows)
          : insert.columns(columns).expression((expression) => {
              const records = this.#engine.recordsOf('assignments', ...alikeAndOthers(rows, columns));
              return expression
                .selectFrom(records.rows)
                .select(columns.map((column) => records.column(column).as(column)))
                .where(sql<boolean>`true`); // Without it SQLite takes `on conflict` for a part of the selection.
            });
      await filled
        .$if(overwrites, (query) =>
          query.onConflict((conflict) => conflict.columns(['deployment', 'device']).doUpdateSet(overwriting(columns))),
        )
        .execute();
    }
  }

  async listAssignments(filter: AssignmentFilter): Promise<Assignment[]> {
    let query = this.#db.selectFrom('assignments').selectAll().orderBy('device');
    if (filter.deployment !== undefined) query = query.where('deployment', '=', filter.deployment);
    if (filter.devices !== undefined) query = query.where(this.#engine.isOneOf('device', filter.devices));
    if (filter.past !== undefined) query = query.where('past', '=', filter.past ? 1 : 0);
    return (await query.execute()).map(assignmentFromRow);
  }

  async countAssignments(deployments: readonly string[]): Promise<AssignmentCount[]> {
    const rows = await this.#db
      .selectFrom('assignments')
      .select(['deployment', 'wave', 'state'])
      .select((expression) => expression.fn.countAll().as('count'))
      .where(this.#engine.isOneOf('deployment', deployments))
      .groupBy(['deployment', 'wave', 'state'])
      .execute();
    return rows.map(({ state, count, ...row }) => ({
      ...row,
      state: state as Assignment['state'],
      count: Number(count),
    }));
  }

  async listFirstAssignments(
    deployments: readonly string[],
    order: readonly Assignment['state'][],
    limit: number,
  ): Promise<Assignment[]> {
    const ranks = order.map((state, rank) => sql`when ${state} then ${sql.lit(rank)}`);
    const rank = sql`case state ${sql.join(ranks, sql` `)} end`;
    const place = sql<number>`row_number() over (partition by deployment order by ${rank}, device)`;
    const rows = await this.#db
      .selectFrom((from) =>
        from
          .selectFrom('assignments')
          .selectAll()
          .select(place.as('place'))
          .where(this.#engine.isOneOf('deployment', deployments))
          .as('ranked'),
      )
      .selectAll()
      .where('place', '<=', limit)
      .orderBy('place')
      .execute();
    return rows.map(assignmentFromRow);
  }

  async markTold(devices: readonly string[], now: number): Promise<string[]> {
    const rows = await this.#db
      .updateTable('assignments')
      .set({ state: 'told', since: now })
      .where('state', '=', 'waiting')
      .where(this.#engine.isOneOf('device', devices))
      .returning('deployment')
      .execute();
    return [...new Set(rows.map(({ deployment }) => deployment))];
  }

  async setDesired(desired: ReadonlyMap<string, DesiredState>): Promise<void> {
    const texts = new Map<DesiredState, string>();
    for (const state of new Set(desired.values())) texts.set(state, JSON.stringify(state));
    const byText = Map.groupBy(desired.keys(), (id) => texts.get(desired.get(id) as DesiredState) as string);
    const single: [string, string][] = [];
    for (const [text, ids] of byText) {
      // Most devices of a fleet want the same.
      if (ids.length > FEW) await this.#setDesired(sql<string>`${text}`, ids);
      else for (const id of ids) single.push([id, text]);
    }
    for (const chunk of chunks(single)) {
      const texts = this.#engine.member(JSON.stringify(Object.fromEntries(chunk)), 'device');
      await this.#setDesired(
        texts,
        chunk.map(([id]) => id),
      );
    }
  }

  async #setDesired(desired: RawBuilder<string>, ids: readonly string[]): Promise<void> {
    await this.#db.updateTable('desired_states').set({ desired }).where(this.#engine.isOneOf('device', ids)).execute();
  }
}

/** What is the same in all rows, and the rows with the rest: in a rollout little but the device differs. */
function alikeAndOthers(rows: readonly AssignmentRow[], columns: readonly (keyof AssignmentRow)[]): [object, object[]] {
  const [first] = rows;
  const others = columns.filter((column) => rows.some((row) => row[column] !== first?.[column]));
  const alike = Object.entries(first ?? {}).filter(([column]) => !others.includes(column as keyof AssignmentRow));
  const rest = rows.map((row) => Object.fromEntries(others.map((column) => [column, row[column]])));
  return [Object.fromEntries(alike), rest];
}

const groupFromRow = (row: Tables['groups']): GroupRecord => ({
  name: row.name,
  query: row.query,
  devices: JSON.parse(row.devices),
  window: JSON.parse(row.window),
  createdAt: row.created_at,
});

const deploymentFromRow = (row: Selectable<Tables['deployments']>): DeploymentRecord => ({
  id: row.id,
  sequence: row.sequence,
  target: row.target,
  kind: row.kind as DeploymentRecord['kind'],
  name: row.name,
  version: row.version,
  to: JSON.parse(row.destination),
  rollout: JSON.parse(row.rollout),
  state: row.state as DeploymentRecord['state'],
  reason: row.reason,
  wave: row.wave,
  approvedWave: row.approved_wave,
  createdAt: row.created_at,
  endedAt: row.ended_at,
});

const assignmentToRow = ({ notBefore, releasedAt, previous, past, ...same }: Assignment): AssignmentRow => ({
  ...same,
  past: past === true ? 1 : 0,
  not_before: notBefore,
  released_at: releasedAt,
  previous: previous === null ? null : JSON.stringify(previous),
});

const assignmentFromRow = (row: AssignmentRow): Assignment => ({
  deployment: row.deployment,
  device: row.device,
  state: row.state as Assignment['state'],
  percent: row.percent,
  reason: row.reason,
  generation: row.generation,
  wave: row.wave,
  attempts: row.attempts,
  notBefore: row.not_before,
  since: row.since,
  releasedAt: row.released_at,
  previous: row.previous === null ? null : JSON.parse(row.previous),
  ...(row.past === 1 && { past: true }),
});

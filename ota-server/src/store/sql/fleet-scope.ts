import { NodeosError } from '@nodeos/contracts/errors.ts';
import {
  AliasNode,
  AndNode,
  BinaryOperationNode,
  ColumnNode,
  type DeleteQueryNode,
  FunctionNode,
  IdentifierNode,
  type InsertQueryNode,
  JoinNode,
  type KyselyPlugin,
  type OnConflictNode,
  type OperationNode,
  OperationNodeTransformer,
  OperatorNode,
  type PluginTransformQueryArgs,
  type PluginTransformResultArgs,
  type QueryResult,
  ReferenceNode,
  type RootOperationNode,
  SelectionNode,
  SelectQueryNode,
  TableNode,
  type UnknownRow,
  type UpdateQueryNode,
  ValueNode,
  ValuesNode,
  WhereNode,
} from 'kysely';

/** Tables that belong to no fleet and may be joined to one that does. */
const SHARED_TABLES: ReadonlySet<string> = new Set(['users']);
/** Functions whose rows come out of their arguments and no table. */
const ROWS_OF_PARAMETERS: ReadonlySet<string> = new Set(['json_populate_recordset', 'json_each']);
const ROOT_KINDS: ReadonlySet<string> = new Set([
  'SelectQueryNode',
  'InsertQueryNode',
  'UpdateQueryNode',
  'DeleteQueryNode',
]);

/**
 * Binds every query to one fleet: reads, updates and deletes get `fleet = …` for each table they name, inserts get the
 * column. All tables of a bound store have a column `fleet`, which stands first in keys that are not random. What
 * cannot be bound is refused, so a query that forgets its fleet does not exist.
 */
export class FleetScope implements KyselyPlugin {
  readonly #transformer: FleetTransformer;

  constructor(fleet: string) {
    this.#transformer = new FleetTransformer(fleet);
  }

  transformQuery({ node, queryId }: PluginTransformQueryArgs): RootOperationNode {
    if (!ROOT_KINDS.has(node.kind)) throw new NodeosError('INTERNAL', `a ${node.kind} cannot be bound to a fleet`);
    return this.#transformer.transformNode(node, queryId);
  }

  async transformResult({ result }: PluginTransformResultArgs): Promise<QueryResult<UnknownRow>> {
    for (const row of result.rows) delete (row as { fleet?: string }).fleet;
    return result;
  }
}

class FleetTransformer extends OperationNodeTransformer {
  readonly #fleet: string;

  constructor(fleet: string) {
    super();
    this.#fleet = fleet;
  }

  protected override transformSelectQuery(node: SelectQueryNode): SelectQueryNode {
    const inner = super.transformSelectQuery(node);
    return { ...inner, where: this.#bound(inner.where, inner.from?.froms ?? []) };
  }

  protected override transformUpdateQuery(node: UpdateQueryNode): UpdateQueryNode {
    const inner = super.transformUpdateQuery(node);
    return { ...inner, where: this.#bound(inner.where, [inner.table as OperationNode, ...(inner.from?.froms ?? [])]) };
  }

  protected override transformDeleteQuery(node: DeleteQueryNode): DeleteQueryNode {
    const inner = super.transformDeleteQuery(node);
    return { ...inner, where: this.#bound(inner.where, inner.from.froms) };
  }

  protected override transformJoin(node: JoinNode): JoinNode {
    const inner = super.transformJoin(node);
    if (TableNode.is(inner.table) && SHARED_TABLES.has(inner.table.table.identifier.name)) return inner;
    const condition = this.#condition(inner.table);
    return condition === null ? inner : JoinNode.cloneWithOn(inner, condition);
  }

  protected override transformInsertQuery(node: InsertQueryNode): InsertQueryNode {
    const inner = super.transformInsertQuery(node);
    const { values, columns = [] } = inner;
    const bound = { ...inner, columns: [...columns, ColumnNode.create('fleet')] };
    if (values !== undefined && SelectQueryNode.is(values)) {
      const fleet = SelectionNode.create(
        AliasNode.create(ValueNode.create(this.#fleet), IdentifierNode.create('fleet')),
      );
      return { ...bound, values: SelectQueryNode.cloneWithSelections(values, [fleet]) };
    }
    if (values === undefined || !ValuesNode.is(values))
      throw new NodeosError('INTERNAL', 'an insert without values cannot be bound to a fleet');
    const rows = values.values.map((row) =>
      row.kind === 'PrimitiveValueListNode'
        ? { ...row, values: [...row.values, this.#fleet] }
        : { ...row, values: [...row.values, ValueNode.create(this.#fleet)] },
    );
    return { ...bound, values: ValuesNode.create(rows) };
  }

  protected override transformOnConflict(node: OnConflictNode): OnConflictNode {
    const inner = super.transformOnConflict(node);
    return inner.columns === undefined ? inner : { ...inner, columns: [ColumnNode.create('fleet'), ...inner.columns] };
  }

  #bound(where: WhereNode | undefined, sources: readonly OperationNode[]): WhereNode | undefined {
    let result = where;
    for (const source of sources) {
      const condition = this.#condition(source);
      if (condition === null) continue;
      result =
        result === undefined ? WhereNode.create(condition) : WhereNode.create(AndNode.create(result.where, condition));
    }
    return result;
  }

  /** `table.fleet = …`; null for a subquery, which was bound itself. */
  #condition(source: OperationNode): OperationNode | null {
    if (source.kind === 'SelectQueryNode' || source.kind === 'ParensNode') return null;
    if (AliasNode.is(source)) {
      if (source.node.kind === 'SelectQueryNode') return null;
      if (FunctionNode.is(source.node) && ROWS_OF_PARAMETERS.has(source.node.func)) return null;
      if (TableNode.is(source.node) && IdentifierNode.is(source.alias)) return this.#equals(source.alias.name);
    }
    if (TableNode.is(source)) return this.#equals(source.table.identifier.name);
    throw new NodeosError('INTERNAL', `a query of a ${source.kind} cannot be bound to a fleet`);
  }

  #equals(table: string): OperationNode {
    const column = ReferenceNode.create(ColumnNode.create('fleet'), TableNode.create(table));
    return BinaryOperationNode.create(column, OperatorNode.create('='), ValueNode.create(this.#fleet));
  }
}

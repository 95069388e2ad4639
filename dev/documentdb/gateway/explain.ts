import { type Document, deserialize, serialize } from 'bson'
import { type Call, queryOptions } from './call.js'
import type { Engine } from './engine.js'
import { CommandError } from './errors.js'

const kinds: Readonly<Record<string, string>> = { find: 'find', aggregate: 'pipeline', count: 'count', distinct: 'distinct' }

/** A node of Postgres' EXPLAIN (FORMAT JSON). */
interface PlanNode {
  readonly 'Node Type': string
  readonly 'Index Name'?: string
  readonly 'Index Cond'?: string
  readonly 'Order By'?: string
  readonly 'Sort Key'?: string[]
  readonly Filter?: string
  readonly 'Actual Rows'?: number
  readonly Plans?: PlanNode[]
}
interface Plan {
  readonly Plan: PlanNode
  readonly 'Execution Time'?: number
}

// Every collection has an index on its shard key; a scan of all of it is a collection scan.
const wholeCollection = /^\(collection\.shard_key_value = '\d+'::bigint\)$/

/** Postgres' plan under the names of MongoDB's stages. */
const stageOf = (node: PlanNode): Document => {
  const type = node['Node Type']
  const inputs = (node.Plans ?? []).map(stageOf)
  const [only] = inputs
  const input = inputs.length > 1 ? { inputStages: inputs } : only ? { inputStage: only } : {}
  const counted = { nReturned: node['Actual Rows'] }
  const condition = node['Index Cond']
  if (type.includes('Seq Scan') || (type.includes('Index') && condition && wholeCollection.test(condition))) {
    return { stage: 'COLLSCAN', filter: node.Filter, ...counted }
  }
  if (type.includes('Index')) {
    const index = { indexName: node['Index Name'], indexCond: condition, orderBy: node['Order By'], filter: node.Filter }
    return { stage: 'IXSCAN', ...index, ...counted, ...input }
  }
  if (type.includes('Sort')) return { stage: 'SORT', key: node['Sort Key'], ...counted, ...input }
  if (type === 'Limit') return { stage: 'LIMIT', ...counted, ...input }
  if (type === 'Aggregate') return { stage: 'GROUP', ...counted, ...input }
  return inputs.length === 1 && only ? only : { stage: type, ...counted, ...input }
}

const stripped = (command: Document): Document => {
  const { explain: _explain, $db: _database, lsid: _session, ...rest } = command
  return rest
}

/** The plan of find, aggregate, count or distinct; `postgres` holds it as Postgres tells it. */
export const explain = async (engine: Engine, call: Call): Promise<Uint8Array> => {
  const command = deserialize(call.body, { promoteValues: false })
  const explained: Document = typeof command.explain === 'object' ? command.explain : command
  const [name = '', collection] = Object.entries(explained)[0] ?? []
  const kind = kinds[name]
  if (!kind) throw new CommandError(115, `explain of ${name} is not supported`)
  const analyze = call.command.verbosity !== 'queryPlanner'
  const text = `EXPLAIN (FORMAT JSON, VERBOSE, ANALYZE ${analyze}) SELECT document FROM documentdb_api_catalog.bson_aggregation_${kind}($1, $2)`
  const [json] = await engine.database.query({ text, values: [call.database, serialize(stripped(explained))] }, queryOptions(call))
  const [plan]: Plan[] = JSON.parse(String(json))
  if (!plan) throw new CommandError(1, 'Postgres told no plan')
  const statistics = { executionSuccess: true, nReturned: plan.Plan['Actual Rows'], executionTimeMillis: plan['Execution Time'] }
  return serialize({
    explainVersion: '1',
    queryPlanner: { namespace: `${call.database}.${String(collection)}`, winningPlan: stageOf(plan.Plan), rejectedPlans: [] },
    ...(analyze && { executionStats: statistics }),
    postgres: plan,
    ok: 1,
  })
}
